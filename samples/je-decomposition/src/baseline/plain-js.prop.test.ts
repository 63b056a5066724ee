import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { JournalBuilder } from '../journal/journal-builder.js';
import { generateJournal } from '../journal/generate.js';
import { Random } from '../journal/random.js';
import type { Journal } from '../journal/journal.js';
import { checkInvariants } from '../rules/invariants.js';
import { METHOD, METHOD_NAMES, type FlowDirection } from '../rules/method.js';
import { decomposeSubEntry } from '../rules/oracle.js';
import { flowsOf, linesOf, randomJournal } from '../testing/random-journal.js';
import { decomposePlain } from './plain-js.js';

const SEED = 20_240_815;
const ENTRIES = 10_000;

/** Compares every sub-entry with the oracle. @returns how many sub-entries each method decided. */
function compareWithOracle(journal: Journal, direction: FlowDirection = 'credit-to-debit'): Record<string, number> {
  const flows = decomposePlain(journal, direction);
  const methods: Record<string, number> = { none: 0, A: 0, B: 0, C: 0, D: 0, E: 0 };
  for (let s = 0; s < journal.subEntryCount; s++) {
    const lines = linesOf(journal, s);
    const plain = flowsOf(flows, s);
    const oracle = decomposeSubEntry(lines, direction);
    const label = `entry ${journal.entryIds[journal.entryOfSubEntry[s]!]}`;
    expect(plain, label).toEqual(oracle);
    expect(checkInvariants(lines, plain, direction), label).toEqual([]);
    methods[plain[0] === undefined ? 'none' : METHOD_NAMES[plain[0].method - 1]!]!++;
  }
  return methods;
}

describe('plain JavaScript baseline', () => {
  it(`equals the oracle on ${ENTRIES} random entries (seed ${SEED}), every invariant held, every method reached`, () => {
    const methods = compareWithOracle(randomJournal(SEED, ENTRIES));
    console.info(`seed ${SEED}: sub-entries per method ${JSON.stringify(methods)}`);
    for (const count of Object.values(methods)) expect(count).toBeGreaterThan(20);
  }, 120_000);

  it('equals the oracle in the other direction', () => {
    compareWithOracle(randomJournal(SEED + 1, 1500), 'debit-to-credit');
  }, 60_000);

  it('equals the oracle on a generated journal with unbalanced entries', () => {
    compareWithOracle(generateJournal({ lines: 20_000, seed: SEED, unbalancedFraction: 0.2 }));
  }, 60_000);

  it('equals the oracle on entries of thousands of lines', () => {
    const random = new Random(SEED);
    const builder = new JournalBuilder();
    const shapes = [
      [1, 4999],
      [4999, 1],
      [2500, 2500],
      [1700, 3300],
    ] as const;
    for (const [entry, [debits, credits]] of shapes.entries()) {
      let balance = 0;
      for (let i = 0; i < debits + credits - 1; i++) {
        const amount = (1 + random.below(9999)) * (i < debits ? 1 : -1);
        balance += amount;
        builder.add(String(entry), i, `${random.below(9)}`, 'EUR', amount, i);
      }
      builder.add(String(entry), 5000, 'x', 'EUR', 0 - balance, 0);
    }
    compareWithOracle(builder.build());
  }, 60_000);

  it('equals the oracle on arbitrary entries', () => {
    const line = fc.record({
      amount: fc.oneof(fc.integer({ min: -12, max: 12 }), fc.integer({ min: -(2 ** 40), max: 2 ** 40 })),
      account: fc.constantFrom('a:1', 'a:2', 'b:1', 'c', '4000', '4711'),
    });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 14 }), fc.boolean(), (lines, balance) => {
        const builder = new JournalBuilder();
        let sum = 0;
        lines.forEach(({ amount, account }, i) => {
          sum += amount;
          builder.add('1', i, account, 'EUR', amount, i);
        });
        if (balance) builder.add('1', lines.length, 'z', 'EUR', 0 - sum, 0);
        compareWithOracle(builder.build());
      }),
      { seed: SEED, numRuns: 1000 },
    );
  });

  it('decomposes its own flows into themselves', () => {
    const journal = randomJournal(SEED + 2, 300);
    for (let s = 0; s < journal.subEntryCount; s++) {
      for (const { amount } of decomposeSubEntry(linesOf(journal, s))) {
        const again = decomposeSubEntry([
          { amount, account: 0, accountClass: 0 },
          { amount: -amount, account: 1, accountClass: 1 },
        ]);
        expect(again).toEqual([{ fromLine: 1, toLine: 0, amount, method: METHOD.A, confidence: 1 }]);
      }
    }
  });

  it('refuses amounts whose sums could round', () => {
    const builder = new JournalBuilder();
    builder.add('1', 0, 'a', 'EUR', 2 ** 53 - 1, 2);
    builder.add('1', 1, 'b', 'EUR', -(2 ** 53 - 1), 3);
    expect(() => decomposePlain(builder.build())).toThrow(/expected less/);
  });
});
