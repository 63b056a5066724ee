import { describe, expect, test } from 'vitest';
import { rendezvous } from './rendezvous.js';

const silos = Array.from({ length: 8 }, (_, i) => `silo-${i}`);
const keys = Array.from({ length: 4000 }, (_, i) => `counter/${i}`);
const homes = (among: readonly string[]): string[] => keys.map((key) => rendezvous(key, among, (name) => name));

describe('rendezvous', () => {
  test('spreads keys evenly', () => {
    const counts = silos.map((silo) => homes(silos).filter((home) => home === silo).length);
    // 500 each; the standard deviation of a fair draw is 21.
    expect(Math.min(...counts)).toBeGreaterThan(400);
    expect(Math.max(...counts)).toBeLessThan(600);
  });

  test('moves only the keys of a candidate that goes', () => {
    const before = homes(silos);
    const after = homes(silos.filter((silo) => silo !== 'silo-3'));
    for (const [i, home] of before.entries()) if (home !== 'silo-3') expect(after[i]).toBe(home);
  });

  test('moves only the keys that a candidate takes when it comes', () => {
    const before = homes(silos);
    const after = homes([...silos, 'silo-8']);
    const moved = after.filter((home, i) => home !== before[i]);
    expect(new Set(moved)).toEqual(new Set(['silo-8']));
    expect(moved.length).toBeGreaterThan(300);
  });

  test('does not depend on the order of the candidates', () => {
    expect(homes([...silos].reverse())).toEqual(homes(silos));
  });
});
