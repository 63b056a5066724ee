/**
 * Both published ledgers against answers that tools of others computed. The data lies beside the repository, not in it;
 * without it these tests are skipped.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { beforeAll, describe, expect, it } from 'vitest';

import { decomposePlain } from '../baseline/plain-js.js';
import { parseJournalCsv } from '../journal/csv-reader.js';
import { SUSPENSE_ACCOUNT, type Journal } from '../journal/journal.js';
import { Random } from '../journal/random.js';
import { decomposeSubEntry } from '../rules/oracle.js';
import { accountTotalsOfFlows, accountTotalsOfLines, type AccountTotal } from './account-totals.js';
import { flowsCsv } from './flows-csv.js';

const LEDGERS = fileURLToPath(new URL('../../../../../shared/data/ledgers/', import.meta.url));

interface PairAnswer {
  readonly from: string;
  readonly to: string;
  readonly commodity: string;
  readonly lower: number;
  readonly upper: number;
}

interface Answers {
  readonly lines: number;
  readonly entries: number;
  readonly sub_entries: number;
  readonly accounts: number;
  readonly volume_total: number;
  readonly account_totals_sha256: string;
  readonly forced_flows: { readonly flow_count: number; readonly sha256: string };
  readonly flows: readonly PairAnswer[];
}

/** Digest of the published files: lines in code unit order of their first columns, each ended by a line feed. */
function digest(lines: readonly string[]): string {
  return createHash('sha256')
    .update(lines.map((line) => `${line}\n`).join(''))
    .digest('hex');
}

function totalsDigest(totals: readonly AccountTotal[]): string {
  return digest(totals.map(({ account, commodity, debit, credit }) => `${account},${commodity},${debit},${credit}`));
}

function hasChoice(journal: Journal, subEntry: number): boolean {
  const amounts = journal.amountNumber!.subarray(journal.offsets[subEntry], journal.offsets[subEntry + 1]);
  return amounts.filter((amount) => amount > 0).length > 1 && amounts.filter((amount) => amount < 0).length > 1;
}

interface PairSum {
  amount: number;
  count: number;
}

/** Flow sums by `from,to,commodity`, of the sub-entries that pass the filter. */
function sumPairs(journal: Journal, include: (subEntry: number) => boolean): Map<string, PairSum> {
  const flows = decomposePlain(journal);
  const pairs = new Map<string, PairSum>();
  for (let s = 0; s < journal.subEntryCount; s++) {
    if (!include(s)) continue;
    const name = (line: number): string => journal.accounts[journal.account[journal.offsets[s]! + line]!]!;
    for (let f = flows.start[s]!; f < flows.start[s]! + flows.count[s]!; f++) {
      const commodity = journal.commodities[journal.commodityOfSubEntry[s]!]!;
      const key = `${name(flows.fromLine[f]!)},${name(flows.toLine[f]!)},${commodity}`;
      const pair = pairs.get(key) ?? { amount: 0, count: 0 };
      pairs.set(key, { amount: pair.amount + flows.amount[f]!, count: pair.count + 1 });
    }
  }
  return pairs;
}

function shuffled<T>(items: readonly T[], seed: number): T[] {
  const random = new Random(seed);
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

describe.each(['opencollective-hledger', 'beancount-example'])('%s', (name) => {
  const path = `${LEDGERS}${name}.lines.csv`;
  if (!existsSync(path)) {
    it.skip('skipped: no ../shared/data/ledgers beside the repository', () => undefined);
    return;
  }
  const text = readFileSync(path, 'utf8');
  const answers = JSON.parse(readFileSync(`${LEDGERS}${name}.answers.json`, 'utf8')) as Answers;
  let journal: Journal;
  beforeAll(() => {
    journal = parseJournalCsv(text);
  });

  it('has the published counts', () => {
    expect(journal.lineCount).toBe(answers.lines);
    expect(journal.entryIds).toHaveLength(answers.entries);
    expect(journal.subEntryCount).toBe(answers.sub_entries);
    expect(journal.accounts).toHaveLength(answers.accounts);
  });

  it('has the published account totals, by lines and by flows', () => {
    expect(totalsDigest(accountTotalsOfLines(journal))).toBe(answers.account_totals_sha256);
    const ofFlows = accountTotalsOfFlows(journal, decomposePlain(journal));
    expect(totalsDigest(ofFlows)).toBe(answers.account_totals_sha256);
    expect(Number(ofFlows.reduce((sum, { debit }) => sum + debit, 0n))).toBe(answers.volume_total);
    const reversed = accountTotalsOfFlows(journal, decomposePlain(journal, 'debit-to-credit'), 'debit-to-credit');
    expect(reversed).toEqual(ofFlows);
  });

  it('has the published forced flows', () => {
    const pairs = [...sumPairs(journal, (s) => !hasChoice(journal, s))];
    const lines = pairs.map(([key, { amount, count }]) => ({ key: key.split(','), text: `${key},${amount},${count}` }));
    lines.sort((a, b) => {
      const i = a.key.findIndex((part, k) => part !== b.key[k]);
      return a.key[i]! < b.key[i]! ? -1 : 1;
    });
    expect(pairs.reduce((sum, [, { count }]) => sum + count, 0)).toBe(answers.forced_flows.flow_count);
    expect(digest(lines.map((line) => line.text))).toBe(answers.forced_flows.sha256);
  });

  it('keeps every pair of accounts within the published bounds', () => {
    const pairs = sumPairs(journal, () => true);
    const published = answers.flows;
    for (const { from, to, commodity, lower, upper } of published) {
      const key = `${from},${to},${commodity}`;
      const amount = pairs.get(key)?.amount ?? 0;
      expect(amount, key).toBeGreaterThanOrEqual(lower);
      expect(amount, key).toBeLessThanOrEqual(upper);
      pairs.delete(key);
    }
    expect([...pairs.keys()]).toEqual([]);
  });

  it('needs no suspense, and equals the oracle', () => {
    const flows = decomposePlain(journal);
    for (let s = 0; s < journal.subEntryCount; s++) {
      const start = journal.offsets[s]!;
      const lines = Array.from({ length: journal.offsets[s + 1]! - start }, (_, i) => ({
        amount: journal.amount[start + i]!,
        account: journal.account[start + i]!,
        accountClass: journal.accountClass[start + i]!,
      }));
      const oracle = decomposeSubEntry(lines);
      const at = flows.start[s]!;
      const plain = oracle.map((_, i) => ({
        fromLine: flows.fromLine[at + i],
        toLine: flows.toLine[at + i],
        amount: BigInt(flows.amount[at + i]!),
        method: flows.method[at + i],
        confidence: flows.confidence[at + i],
      }));
      expect(flows.count[s]).toBe(oracle.length);
      expect(plain).toEqual(oracle);
    }
    expect([...flowsCsv(journal, flows)].join('')).not.toContain(SUSPENSE_ACCOUNT);
  });

  it('gives the same flows, byte for byte, for shuffled lines', () => {
    const [header, ...rows] = text.trimEnd().split('\n');
    const csv = [...flowsCsv(journal, decomposePlain(journal))].join('');
    for (const seed of [1, 2, 3]) {
      const other = parseJournalCsv([header, ...shuffled(rows, seed)].join('\n'));
      expect([...flowsCsv(other, decomposePlain(other))].join(''), `seed ${seed}`).toBe(csv);
    }
  });

  it('gives the same flows when positions stand in for line numbers', () => {
    const withoutNumbers = text.replace(/^([^,\n]*),[^,\n]*,/gm, '$1,');
    const other = parseJournalCsv(withoutNumbers);
    expect([...flowsCsv(other, decomposePlain(other))].join('')).toBe(
      [...flowsCsv(journal, decomposePlain(journal))].join(''),
    );
  });
});
