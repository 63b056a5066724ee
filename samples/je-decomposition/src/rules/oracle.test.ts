import { describe, expect, it } from 'vitest';

import { checkInvariants } from './invariants.js';
import { METHOD, methodName } from './method.js';
import { decomposeSubEntry, type RuleLine } from './oracle.js';

/** Lines given as `amount`, or `[amount, account, class]`; by default every line has an account and class of its own. */
type LineSpec = number | bigint | readonly [amount: number | bigint, account: number, accountClass?: number];

function lines(...specs: readonly LineSpec[]): RuleLine[] {
  return specs.map((spec, i): RuleLine => {
    if (typeof spec !== 'object') return { amount: BigInt(spec), account: i, accountClass: i };
    const [amount, account, accountClass = account] = spec;
    return { amount: BigInt(amount), account, accountClass };
  });
}

/** Flows as `from>to amount method confidence`, after checking the invariants. */
function decompose(...specs: readonly LineSpec[]): string[] {
  const input = lines(...specs);
  const flows = decomposeSubEntry(input);
  expect(checkInvariants(input, flows)).toEqual([]);
  return flows.map(
    ({ fromLine, toLine, amount, method, confidence }) =>
      `${fromLine}>${toLine} ${amount} ${methodName(method)} ${Number(confidence.toPrecision(7))}`,
  );
}

describe('counterexamples that lose money in other implementations (peers.md 2.7)', () => {
  it('keeps all of 700, 300 against 600, 400', () => {
    expect(decompose(700, 300, -600, -400)).toEqual([
      '2>0 600 E 0.3333333',
      '3>0 100 E 0.3333333',
      '3>1 300 E 0.3333333',
    ]);
  });

  it('keeps the credits of 500, 300, 200 against 600, 200, 150, 50', () => {
    expect(decompose(500, 300, 200, -600, -200, -150, -50)).toEqual([
      '3>0 500 E 0.2',
      '3>1 100 E 0.2',
      '4>1 200 E 0.2',
      '5>2 150 E 0.2',
      '6>2 50 E 0.2',
    ]);
  });

  it('moves 150, not 83.33, between 100 + 50 and 80 + 70', () => {
    expect(decompose(100, 50, -80, -70)).toEqual(['2>0 80 E 0.3333333', '3>0 20 E 0.3333333', '3>1 50 E 0.3333333']);
  });

  it('finds an exact subset behind a thousand masks', () => {
    // The larger target is the sum of the last six of twelve credits.
    const credits = [3, 5, 9, 17, 33, 65, 1025, 2049, 4097, 8193, 16385, 32769];
    const flows = decompose(64518, 132, ...credits.map((credit) => -credit));
    expect(flows).toHaveLength(12);
    expect(flows.filter((flow) => flow.includes('>0 ')).map((flow) => flow.split('>')[0])).toEqual(
      '8 9 10 11 12 13'.split(' '),
    );
    expect(flows.every((flow) => flow.endsWith(' C 0.85'))).toBe(true);
  });

  it('finds the partition of 18 lines into 3', () => {
    const parts = Array.from({ length: 18 }, (_, i) => 2 ** i);
    const sum = (k: number): number => parts.filter((_, i) => i % 3 === k).reduce((a, b) => a + b);
    const flows = decompose(sum(0), sum(1), sum(2), ...parts.map((part) => -part));
    expect(flows).toHaveLength(18);
    expect(flows[0]).toBe('3>0 1 C 0.85');
  });

  it('leaves no residue where shares would be rounded', () => {
    expect(decompose(100, 100, 100, -151, -149)).toHaveLength(4);
  });
});

describe('shapes and edge cases (peers.md 2.9)', () => {
  it('has no flows for an entry without lines or with zero lines only', () => {
    expect(decompose()).toEqual([]);
    expect(decompose(0, 0, 0)).toEqual([]);
  });

  it('decides 1:1 by method A, from the credited line to the debited one', () => {
    expect(decompose(100, -100)).toEqual(['1>0 100 A 1']);
  });

  it('exchanges the ends and nothing else in the other direction', () => {
    const input = lines(700, 300, -600, -400);
    const flows = decomposeSubEntry(input, 'debit-to-credit');
    expect(checkInvariants(input, flows, 'debit-to-credit')).toEqual([]);
    const exchanged = flows.map((flow) => ({ ...flow, fromLine: flow.toLine, toLine: flow.fromLine }));
    exchanged.sort((a, b) => a.fromLine - b.fromLine || a.toLine - b.toLine);
    expect(exchanged).toEqual(decomposeSubEntry(input));
  });

  it.each([
    ['1:k', [60, -10, -20, -30], ['1>0 10', '2>0 20', '3>0 30']],
    ['k:1', [10, 20, -60, 30], ['2>0 10', '2>1 20', '2>3 30']],
  ])('makes one flow per line of the many side for %s', (_, specs, expected) => {
    expect(decompose(...specs)).toEqual(expected.map((flow) => `${flow} C 0.85`));
  });

  it('keeps the numbers of lines beside zero lines', () => {
    expect(decompose(0, 60, 0, -10, -50, 0)).toEqual(['3>1 10 C 0.85', '4>1 50 C 0.85']);
  });

  it('turns a residue into flows of the suspense line, without confidence', () => {
    expect(decompose(100, -99)).toEqual(['1>0 99 C 0.85', '2>0 1 C 0']);
    expect(decompose(99, -100)).toEqual(['1>0 99 C 0.85', '1>2 1 C 0']);
  });

  it('sends a one-sided entry to suspense', () => {
    expect(decompose(5)).toEqual(['1>0 5 A 0']);
    expect(decompose(-5, -6)).toEqual(['0>2 5 C 0', '1>2 6 C 0']);
  });

  it('is less sure within a bucket of equal amounts when accounts differ on both sides', () => {
    expect(decompose(10, 10, 7, -10, -10, -7)).toEqual(['3>0 10 B 0.5', '4>1 10 B 0.5', '5>2 7 B 1']);
    expect(decompose([10, 1], [10, 1], [10, 1], [-10, 2], [-10, 3], [-10, 4])).toEqual([
      '3>0 10 B 1',
      '4>1 10 B 1',
      '5>2 10 B 1',
    ]);
  });

  it('strikes off equal pairs that are unique, before it searches', () => {
    expect(decompose(7, 20, 6, -7, -26)).toEqual(['3>0 7 C 0.85', '4>1 20 C 0.85', '4>2 6 C 0.85']);
  });

  it('takes the subset with the fewest lines, then the first in line order, of two valid partitions', () => {
    // 10 is struck off with line 4; 20 takes what is left.
    expect(decompose(20, 10, -4, -6, -10, -3, -7)).toEqual([
      '2>0 4 C 0.85',
      '3>0 6 C 0.85',
      '4>1 10 C 0.85',
      '5>0 3 C 0.85',
      '6>0 7 C 0.85',
    ]);
    // 10 stands twice in the pool, so nothing is struck off; 20 takes both at once.
    expect(decompose(20, 10, -10, -3, -7, -10)).toEqual([
      '2>0 10 C 0.85',
      '3>1 3 C 0.85',
      '4>1 7 C 0.85',
      '5>0 10 C 0.85',
    ]);
  });

  it('comes back to an earlier target when a later one cannot be met', () => {
    // 10 first takes 6 + 4, which leaves 7 without a subset of 9, 1, 1, 1.
    expect(decompose(10, 7, 5, -6, -4, -9, -1, -1, -1)).toEqual([
      '3>1 6 C 0.85',
      '4>2 4 C 0.85',
      '5>0 9 C 0.85',
      '6>0 1 C 0.85',
      '7>1 1 C 0.85',
      '8>2 1 C 0.85',
    ]);
  });

  it('matches accounts, and pushes back to lines inside the matched pair', () => {
    // Account 1 has 70 + 30 and account 3 has 60 + 40; 5 and 7 differ.
    expect(decompose([70, 1], [30, 1], [5, 2], [-60, 3], [-40, 3], [-5, 4])).toEqual([
      '3>0 60 D 0.7',
      '4>0 10 D 0.7',
      '4>1 30 D 0.7',
      '5>2 5 D 0.7',
    ]);
  });

  it('matches classes where accounts do not', () => {
    const flows = decompose([70, 1, 10], [30, 2, 10], [8, 5, 30], [-60, 3, 20], [-40, 4, 20], [-8, 6, 40]);
    expect(flows).toEqual(['3>0 60 D 0.7', '4>0 10 D 0.7', '4>1 30 D 0.7', '5>2 8 D 0.7']);
  });

  it('keeps flows from an account to itself', () => {
    expect(decompose([100, 1], [-100, 1])).toEqual(['1>0 100 A 1']);
  });

  it('decomposes the reversal of an entry into the reversed flows', () => {
    const entry = [700, 300, -600, -400];
    const reversed = decomposeSubEntry(lines(...entry.map((amount) => -amount)), 'debit-to-credit');
    expect(reversed).toEqual(decomposeSubEntry(lines(...entry)));
  });

  it('is exact near 2^63', () => {
    const most = 2n ** 62n - 1n;
    expect(decompose(most, -(most - 1n), -1n)).toEqual([`1>0 ${most - 1n} C 0.85`, '2>0 1 C 0.85']);
    expect(decompose(2n ** 63n - 1n)).toEqual([`1>0 ${2n ** 63n - 1n} A 0`]);
  });

  it('ends for thousands of lines on both sides', () => {
    const many = Array.from({ length: 1700 }, (_, i) => 1000 + i);
    const few = Array.from({ length: 1200 }, (_, i) => 2000 + 3 * i);
    const input = lines(...many, ...few.map((amount) => -amount));
    const flows = decomposeSubEntry(input);
    expect(checkInvariants(input, flows)).toEqual([]);
    expect(flows[0]!.method).toBe(METHOD.E);
  });

  it('does not search more than 64 pool lines, unless one target is left', () => {
    const pool = Array.from({ length: 65 }, (_, i) => 3 + 2 * i);
    const sum = pool.reduce((a, b) => a + b);
    expect(decompose(sum, ...pool.map((amount) => -amount))[0]).toMatch(/ C 0.85$/);
    const [first, ...others] = pool;
    const split = decompose(first! + others[0]!, sum - first! - others[0]!, ...pool.map((amount) => -amount));
    expect(split[0]).toMatch(/ E /);
    const smaller = pool.slice(0, 64);
    const smallerSum = smaller.reduce((a, b) => a + b);
    const found = decompose(first! + others[0]!, smallerSum - first! - others[0]!, ...smaller.map((amount) => -amount));
    expect(found).toHaveLength(64);
  });
});
