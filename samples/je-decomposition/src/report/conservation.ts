import { SUSPENSE_ACCOUNT, type Journal } from '../journal/journal.js';
import type { FlowColumns } from '../rules/flow-columns.js';
import type { FlowDirection } from '../rules/method.js';
import { accountTotalsOfFlows, accountTotalsOfLines, type AccountTotal } from './account-totals.js';

/** What RULES.md §9.1 to §9.3 promise, counted. */
export interface Conservation {
  readonly lines: number;
  /** Lines, suspense lines included, whose flows do not add up to their amount. */
  readonly brokenLines: number;
  /** Sub-entries with such a line, or with a flow that is not positive, overdraws a line or names one that is not there. */
  readonly brokenSubEntries: number;
  /** Accounts with amounts, per commodity. */
  readonly accounts: number;
  /** Those whose inflow is not their debits or whose outflow is not their credits; all of them where sub-entries are broken. */
  readonly brokenAccounts: number;
}

export function isConserved({ brokenLines, brokenSubEntries, brokenAccounts }: Conservation): boolean {
  return brokenLines === 0 && brokenSubEntries === 0 && brokenAccounts === 0;
}

/** Adds up the flows of every line and account, exactly, whatever made them, and compares with the journal. */
export function checkConservation(
  journal: Journal,
  flows: FlowColumns,
  direction: FlowDirection = 'credit-to-debit',
): Conservation {
  const lines = checkLines(journal, flows, direction);
  const totals = accountTotalsOfLines(journal);
  const accounts = totals.length;
  const brokenAccounts =
    lines.brokenSubEntries > 0
      ? accounts
      : countBrokenAccounts(totals, accountTotalsOfFlows(journal, flows, direction));
  return { ...lines, accounts, brokenAccounts };
}

function countBrokenAccounts(fromLines: readonly AccountTotal[], fromFlows: readonly AccountTotal[]): number {
  const key = ({ account, commodity }: AccountTotal): string => JSON.stringify([account, commodity]);
  const wanted = new Map(fromLines.map((total) => [key(total), total]));
  let broken = 0;
  for (const total of fromFlows) {
    // Residues are on no line; each suspense line is checked with the lines.
    if (total.account === SUSPENSE_ACCOUNT) wanted.delete(key(total));
    else {
      const expected = wanted.get(key(total));
      if (expected?.debit !== total.debit || expected.credit !== total.credit) broken++;
      wanted.delete(key(total));
    }
  }
  return broken + wanted.size;
}

function checkLines(
  journal: Journal,
  flows: FlowColumns,
  direction: FlowDirection,
): Pick<Conservation, 'lines' | 'brokenLines' | 'brokenSubEntries'> {
  let longest = 0;
  for (let s = 0; s < journal.subEntryCount; s++) {
    longest = Math.max(longest, journal.offsets[s + 1]! - journal.offsets[s]!);
  }
  if (journal.amountNumber !== null && flows.amount instanceof Float64Array) {
    return addUp(journal, flows, direction, journal.amountNumber, flows.amount, new Float64Array(longest + 1), 0);
  }
  const wide = flows.amount instanceof BigInt64Array ? flows.amount : BigInt64Array.from(flows.amount, BigInt);
  // The same operators serve bigints; only their zero differs.
  const asNumbers = (column: BigInt64Array): Float64Array => column as unknown as Float64Array;
  const rests = new BigInt64Array(longest + 1);
  return addUp(
    journal,
    flows,
    direction,
    asNumbers(journal.amount),
    asNumbers(wide),
    asNumbers(rests),
    0n as unknown as number,
  );
}

/** `rests` is working space for a sub-entry: what is left of each line, which no flow may take beyond zero. */
function addUp(
  journal: Journal,
  flows: FlowColumns,
  direction: FlowDirection,
  amounts: Float64Array,
  flowAmounts: Float64Array,
  rests: Float64Array,
  zero: number,
): Pick<Conservation, 'lines' | 'brokenLines' | 'brokenSubEntries'> {
  const creditToDebit = direction === 'credit-to-debit';
  const credited = creditToDebit ? flows.fromLine : flows.toLine;
  const debited = creditToDebit ? flows.toLine : flows.fromLine;
  let brokenLines = 0;
  let brokenSubEntries = 0;
  for (let s = 0; s < journal.subEntryCount; s++) {
    const first = journal.offsets[s]!;
    const length = journal.offsets[s + 1]! - first;
    let residue = zero;
    for (let i = 0; i < length; i++) {
      rests[i] = amounts[first + i]!;
      residue -= rests[i]!;
    }
    rests[length] = residue;
    let isBroken = false;
    const end = flows.start[s]! + flows.count[s]!;
    for (let f = flows.start[s]!; f < end; f++) {
      const value = flowAmounts[f]!;
      const credit = rests[credited[f]!]!;
      const debit = rests[debited[f]!]!;
      const fits = credited[f]! <= length && debited[f]! <= length && value > zero;
      if (fits && credit <= zero - value && debit >= value) {
        rests[credited[f]!] = credit + value;
        rests[debited[f]!] = debit - value;
      } else isBroken = true;
    }
    for (let i = 0; i <= length; i++) {
      if (rests[i] === zero) continue;
      brokenLines++;
      isBroken = true;
    }
    if (isBroken) brokenSubEntries++;
  }
  return { lines: journal.lineCount, brokenLines, brokenSubEntries };
}
