import { SUSPENSE_ACCOUNT, compareCodeUnits, type Journal } from '../journal/journal.js';
import type { FlowColumns } from '../rules/flow-columns.js';
import type { FlowDirection } from '../rules/method.js';

/** What one account was debited and credited in one commodity, in minor units, both ≥ 0 and exact at any size. */
export interface AccountTotal {
  readonly account: string;
  readonly commodity: string;
  readonly debit: bigint;
  readonly credit: bigint;
}

/**
 * Account totals of a journal's lines, by account then commodity (code units). Accounts with only zero lines are left out.
 */
export function accountTotalsOfLines(journal: Journal): AccountTotal[] {
  const totals = new Totals(journal);
  const { offsets, account, amount, amountNumber } = journal;
  for (let s = 0; s < journal.subEntryCount; s++) {
    const commodity = journal.commodityOfSubEntry[s]!;
    for (let i = offsets[s]!; i < offsets[s + 1]!; i++) {
      const value = amountNumber === null ? amount[i]! : amountNumber[i]!;
      if (value > 0) totals.addDebit(account[i]!, commodity, value);
      else if (value < 0) totals.addCredit(account[i]!, commodity, -value);
    }
  }
  return totals.list();
}

/**
 * Account totals as the flows show them: an account's inflow is its debits, its outflow its credits. For every journal
 * they equal {@link accountTotalsOfLines}, but for the account `[suspense]`, which holds the residues.
 *
 * @param direction - the one the flows were made with.
 */
export function accountTotalsOfFlows(
  journal: Journal,
  flows: FlowColumns,
  direction: FlowDirection = 'credit-to-debit',
): AccountTotal[] {
  const totals = new Totals(journal);
  const [credited, debited] =
    direction === 'credit-to-debit' ? [flows.fromLine, flows.toLine] : [flows.toLine, flows.fromLine];
  const { offsets, account } = journal;
  // A user's own account of that name takes the residues in.
  const named = journal.accounts.indexOf(SUSPENSE_ACCOUNT);
  const suspense = named >= 0 ? named : journal.accounts.length;
  for (let s = 0; s < journal.subEntryCount; s++) {
    const commodity = journal.commodityOfSubEntry[s]!;
    const first = offsets[s]!;
    const end = offsets[s + 1]!;
    for (let f = flows.start[s]!; f < flows.start[s]! + flows.count[s]!; f++) {
      const value = flows.amount[f]!;
      const creditLine = first + credited[f]!;
      const debitLine = first + debited[f]!;
      totals.addCredit(creditLine === end ? suspense : account[creditLine]!, commodity, value);
      totals.addDebit(debitLine === end ? suspense : account[debitLine]!, commodity, value);
    }
  }
  return totals.list();
}

/** Below this a float64 sum and the next amount below it add without rounding. */
const FLUSH_LIMIT = 2 ** 52;

/**
 * Sums per (account, commodity). Safe amounts go to a float64 that is emptied into a bigint before it could round, so the
 * sums are exact without a bigint operation per line.
 */
class Totals {
  private readonly slots = new Map<number, number>();
  private readonly commodityCount: number;
  /** Slot k has the debit sums at 2k and the credit sums at 2k + 1. */
  private readonly small: number[] = [];
  private readonly large: bigint[] = [];

  constructor(private readonly journal: Journal) {
    this.commodityCount = journal.commodities.length;
  }

  addDebit(account: number, commodity: number, value: number | bigint): void {
    this.add(2 * this.slot(account, commodity), value);
  }

  addCredit(account: number, commodity: number, value: number | bigint): void {
    this.add(2 * this.slot(account, commodity) + 1, value);
  }

  list(): AccountTotal[] {
    const { accounts, commodities } = this.journal;
    const totals = [...this.slots].map(([key, slot]): AccountTotal => {
      const total = (side: number): bigint => this.large[2 * slot + side]! + BigInt(this.small[2 * slot + side]!);
      return {
        account: accounts[Math.floor(key / this.commodityCount)] ?? SUSPENSE_ACCOUNT,
        commodity: commodities[key % this.commodityCount]!,
        debit: total(0),
        credit: total(1),
      };
    });
    return totals.sort((a, b) => compareCodeUnits(a.account, b.account) || compareCodeUnits(a.commodity, b.commodity));
  }

  private slot(account: number, commodity: number): number {
    const key = account * this.commodityCount + commodity;
    let slot = this.slots.get(key);
    if (slot === undefined) {
      slot = this.slots.size;
      this.slots.set(key, slot);
      this.small.push(0, 0);
      this.large.push(0n, 0n);
    }
    return slot;
  }

  private add(k: number, value: number | bigint): void {
    if (typeof value === 'bigint' || value >= FLUSH_LIMIT) {
      this.large[k]! += BigInt(value);
      return;
    }
    const sum = this.small[k]! + value;
    if (sum < FLUSH_LIMIT) {
      this.small[k] = sum;
      return;
    }
    this.large[k]! += BigInt(sum);
    this.small[k] = 0;
  }
}
