import { describe, expect, test } from 'vitest';
import { CapacityLedger } from './capacity-ledger.js';
import { PlacedCalls } from './placed-calls.js';

describe('CapacityLedger', () => {
  test('gives the last place to one of many that ask at once', async () => {
    const ledger = new CapacityLedger(3);
    let running = 0;
    let most = 0;
    const call = async (): Promise<boolean> => {
      await Promise.resolve();
      if (!ledger.tryReserve()) return false;
      most = Math.max(most, ++running);
      await Promise.resolve();
      running--;
      ledger.release();
      return true;
    };
    const answers = await Promise.all(Array.from({ length: 20 }, call));
    expect(answers.filter(Boolean)).toHaveLength(3);
    expect(most).toBe(3);
    expect(ledger).toMatchObject({ inUse: 0, refused: 17 });
    expect(ledger.tryReserve()).toBe(true);
  });

  test('says that it is busy, and when to ask again', () => {
    const error = new CapacityLedger(1).busy('silo-a');
    expect(error).toMatchObject({ code: 'SILO_BUSY', details: { siloId: 'silo-a' }, retry: 'another-device' });
    expect(error.details.retryAfterNs).toBeGreaterThan(0n);
  });

  test('tells when much has changed, and when the last place was taken', () => {
    const told: number[] = [];
    const ledger: CapacityLedger = new CapacityLedger(20, () => told.push(ledger.inUse));
    for (let i = 0; i < 20; i++) ledger.tryReserve();
    expect(told).toEqual([3, 6, 9, 12, 15, 18, 20]);
    for (let i = 0; i < 20; i++) ledger.release();
    expect(told.slice(7)).toEqual([17, 14, 11, 8, 5, 2]);
  });

  test('takes back only what it gave', () => {
    expect(() => new CapacityLedger(1).release()).toThrow(/invariant/);
  });
});

describe('PlacedCalls', () => {
  test('counts by address what has not ended', () => {
    const placed = new PlacedCalls();
    placed.begin('a.1');
    placed.begin('a.1');
    placed.begin('b.1');
    placed.end('a.1');
    expect([placed.at('a.1'), placed.at('b.1'), placed.at('c.1')]).toEqual([1, 1, 0]);
    placed.end('b.1');
    expect(() => placed.end('b.1')).toThrow(/invariant/);
  });
});
