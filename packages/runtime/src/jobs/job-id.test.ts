import { describe, expect, it } from 'vitest';
import { newJobId } from './job-id.js';

describe('job ids', () => {
  it('are UUIDv7 of the present time, all different', () => {
    const before = Date.now();
    const ids = Array.from({ length: 10_000 }, () => newJobId());
    const after = Date.now();
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      const ms = parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
      expect(ms >= before && ms <= after).toBe(true);
    }
  });

  it('have every digit behind the time at random', () => {
    const digits = Array.from({ length: 36 }, () => new Set<string>());
    for (let i = 0; i < 2_000; i++) [...newJobId()].forEach((digit, at) => digits[at]!.add(digit));
    const expected = (at: number): number => (at === 18 || at === 23 ? 1 : at === 19 ? 4 : 16);
    for (let at = 15; at < 36; at++) expect([at, digits[at]!.size]).toEqual([at, expected(at)]);
  });
});
