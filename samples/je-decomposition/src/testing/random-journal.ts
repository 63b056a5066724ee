import { JournalBuilder } from '../journal/journal-builder.js';
import type { Journal } from '../journal/journal.js';
import { Random } from '../journal/random.js';
import type { FlowColumns } from '../rules/flow-columns.js';
import type { MethodCode } from '../rules/method.js';
import type { Flow, RuleLine } from '../rules/oracle.js';

/** The lines of a sub-entry as the oracle takes them. */
export function linesOf(journal: Journal, subEntry: number): RuleLine[] {
  const lines: RuleLine[] = [];
  for (let i = journal.offsets[subEntry]!; i < journal.offsets[subEntry + 1]!; i++) {
    lines.push({ amount: journal.amount[i]!, account: journal.account[i]!, accountClass: journal.accountClass[i]! });
  }
  return lines;
}

/** The flows of a sub-entry as the oracle gives them. */
export function flowsOf(flows: FlowColumns, subEntry: number): Flow[] {
  const start = flows.start[subEntry]!;
  return Array.from({ length: flows.count[subEntry]! }, (_, i): Flow => ({
    fromLine: flows.fromLine[start + i]!,
    toLine: flows.toLine[start + i]!,
    amount: BigInt(flows.amount[start + i]!),
    method: flows.method[start + i]! as MethodCode,
    confidence: flows.confidence[start + i]!,
  }));
}

/** Entries made to reach every method and every edge: small amounts collide, large ones do not. */
export function randomJournal(seed: number, entries: number): Journal {
  const random = new Random(seed);
  const builder = new JournalBuilder();
  for (let entry = 0; entry < entries; entry++) {
    const id = String(entry);
    const range = [3, 10, 50, 1000, 1_000_000_007][random.below(5)]!;
    const accounts = [1, 2, 4, 12, 60][random.below(5)]!;
    const sizes = [2, 4, 8, 16, 40][random.below(5)]!;
    const zeros = random.unit() < 0.1;
    let line = 0;
    const post = (amount: number): void => {
      const account = `${'abcdefgh'[random.below(Math.min(8, accounts))]}:${random.below(accounts)}`;
      // Now and then a number stands twice.
      const lineNo = random.below(50) === 0 ? line : line++;
      builder.add(id, lineNo, account, random.below(500) === 0 ? 'USD' : 'EUR', amount, entry);
    };
    const amount = (): number => (zeros && random.below(4) === 0 ? 0 : 1 + random.below(range));
    const shape = random.below(6);
    if (shape === 0) {
      // One target or several, with sums that can be found again.
      const targets = 1 + random.below(5);
      const sign = random.below(2) === 0 ? 1 : -1;
      for (let t = 0; t < targets; t++) {
        let sum = 0;
        for (let i = random.below(sizes); i >= 0; i--) {
          const part = amount();
          sum += part;
          post(sign * part);
        }
        post(-sign * sum);
      }
    } else if (shape === 1) {
      // The same amounts on both sides.
      for (let i = random.below(sizes); i >= 0; i--) {
        const value = amount();
        post(value);
        post(-value);
      }
    } else {
      let balance = 0;
      for (let i = random.below(sizes); i >= 0; i--) {
        const value = amount() * (random.below(2) === 0 ? 1 : -1);
        balance += value;
        post(value);
      }
      // Four of five balance.
      if (random.below(5) !== 0) post(0 - balance);
    }
  }
  return builder.build();
}
