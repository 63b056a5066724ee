import { describe, expect, it } from 'vitest';

import { parseJournalCsv } from './csv-reader.js';
import { journalCsv } from './csv-writer.js';
import { JournalError } from './errors.js';
import { generateJournal } from './generate.js';
import type { Journal } from './journal.js';

const SEED = 7;

function residues(journal: Journal): number[] {
  return Array.from({ length: journal.subEntryCount }, (_, s) =>
    journal.amountNumber!.subarray(journal.offsets[s], journal.offsets[s + 1]).reduce((sum, amount) => sum + amount, 0),
  );
}

describe('generateJournal', () => {
  const journal = generateJournal({ lines: 60_000, seed: SEED });

  it('gives the same journal for the same seed, another for another', () => {
    expect(generateJournal({ lines: 60_000, seed: SEED })).toEqual(journal);
    expect(generateJournal({ lines: 60_000, seed: SEED + 1 }).amount).not.toEqual(journal.amount);
  });

  it('has the lines asked for, balanced entries and no zero lines', () => {
    expect(journal.lineCount).toBeGreaterThanOrEqual(60_000);
    expect(journal.lineCount).toBeLessThan(62_000);
    expect(residues(journal).every((residue) => residue === 0)).toBe(true);
    expect(journal.amount.includes(0n)).toBe(false);
  });

  it('unbalances the part of the entries asked for', () => {
    const unbalanced = generateJournal({ lines: 60_000, seed: SEED, unbalancedFraction: 0.25 });
    const part = residues(unbalanced).filter((residue) => residue !== 0).length / unbalanced.entryIds.length;
    expect(part).toBeGreaterThan(0.22);
    expect(part).toBeLessThan(0.28);
  });

  it('has line counts as quoted for the paper: nine in ten entries of 2 to 9 lines, a long tail', () => {
    const sizes = Array.from(
      { length: journal.subEntryCount },
      (_, s) => journal.offsets[s + 1]! - journal.offsets[s]!,
    );
    const upToNine = sizes.filter((size) => size <= 9).length / sizes.length;
    expect(upToNine).toBeGreaterThan(0.9);
    expect(upToNine).toBeLessThan(0.96);
    expect(Math.min(...sizes)).toBe(2);
    expect(Math.max(...sizes)).toBeGreaterThan(60);
  });

  it('has entries of n:m, the same account on both sides, and two commodities in one entry', () => {
    let manyToMany = 0;
    let bothSides = 0;
    for (let s = 0; s < journal.subEntryCount; s++) {
      const debited = new Set<number>();
      const credited = new Set<number>();
      let [debits, credits] = [0, 0];
      for (let i = journal.offsets[s]!; i < journal.offsets[s + 1]!; i++) {
        (journal.amount[i]! > 0n ? debited : credited).add(journal.account[i]!);
        if (journal.amount[i]! > 0n) debits++;
        else credits++;
      }
      if (debits > 1 && credits > 1 && debits !== credits) manyToMany++;
      if ([...debited].some((account) => credited.has(account))) bothSides++;
    }
    expect(manyToMany).toBeGreaterThan(100);
    expect(bothSides).toBeGreaterThan(50);
    expect(journal.subEntryCount).toBeGreaterThan(journal.entryIds.length);
  });

  it('comes back equal from CSV', () => {
    const small = generateJournal({ lines: 12_000, seed: SEED });
    const read = parseJournalCsv([...journalCsv(small)].join(''));
    // The generator's chart has accounts that a small journal does not use.
    expect(read.amount).toEqual(small.amount);
    expect(read.lineNo).toEqual(small.lineNo);
    expect(read.offsets).toEqual(small.offsets);
    expect(read.entryIds).toEqual(small.entryIds);
    expect(Array.from(read.account, (id) => read.accounts[id])).toEqual(
      Array.from(small.account, (id) => small.accounts[id]),
    );
    expect(Array.from(read.accountClass, (id) => read.classes[id])).toEqual(
      Array.from(small.accountClass, (id) => small.classes[id]),
    );
  });

  it.each([
    ['lines', { lines: -1, seed: 1 }],
    ['lines', { lines: Number.NaN, seed: 1 }],
    ['seed', { lines: 1, seed: 0.5 }],
    ['unbalancedFraction', { lines: 1, seed: 1, unbalancedFraction: 1.1 }],
    ['maxEntryLines', { lines: 1, seed: 1, maxEntryLines: 1 }],
  ])('refuses a wrong %s', (name, options) => {
    expect(() => generateJournal(options)).toThrow(JournalError);
    expect(() => generateJournal(options)).toThrow(`${name} is`);
  });
});
