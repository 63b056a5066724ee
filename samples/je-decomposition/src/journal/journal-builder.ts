import { JournalError } from './errors.js';
import {
  MAX_JOURNAL_LINES,
  classifyAccounts,
  compareCodeUnits,
  entryIdOrder,
  setInt64FromNumber,
  type Journal,
} from './journal.js';

/** Σ|amount| of a sub-entry must stay below this, so that every sum the rules make fits a signed 64-bit integer. */
const SUM_LIMIT = 2n ** 63n;
/** A float64 sum of |amount| below this is certainly below 2^63 too: its relative error is below 2^-20. */
const SURELY_BELOW_LIMIT = 2 ** 62;
/** Sub-entries longer than this are ordered by the engine's sort instead of by insertion. */
const INSERTION_LIMIT = 32;

/** Collects lines in any order and makes the journal of them. */
export class JournalBuilder {
  private readonly entries = new Names();
  private readonly accounts = new Names();
  private readonly commodities = new Names();
  private length = 0;
  private entry = new Uint32Array(1024);
  private commodity = new Uint32Array(1024);
  private account = new Uint32Array(1024);
  private lineNo = new Float64Array(1024);
  private row = new Float64Array(1024);
  private amount = new Float64Array(1024);
  /** Amounts beyond 2^53, by the position of their line; `amount` holds them rounded. */
  private readonly bigAmounts = new Map<number, bigint>();

  /**
   * @param lineNo - number in the entry, a safe integer ≥ 0.
   * @param amount - minor units; a number must be a safe integer.
   * @param row - where the line stands in the input, for error messages.
   */
  add(entryId: string, lineNo: number, account: string, commodity: string, amount: number | bigint, row: number): void {
    const i = this.length;
    if (i >= MAX_JOURNAL_LINES) {
      throw new JournalError('TOO_MANY_LINES', { row }, `a journal holds at most ${MAX_JOURNAL_LINES} lines`);
    }
    if (i === this.entry.length) this.grow();
    this.entry[i] = this.entries.idOf(entryId);
    this.commodity[i] = this.commodities.idOf(commodity);
    this.account[i] = this.accounts.idOf(account);
    this.lineNo[i] = lineNo;
    this.row[i] = row;
    if (typeof amount === 'bigint') {
      this.amount[i] = Number(amount);
      if (!Number.isSafeInteger(this.amount[i])) this.bigAmounts.set(i, amount);
    } else {
      this.amount[i] = amount;
    }
    this.length = i + 1;
  }

  /**
   * @returns the journal; the builder is not to be used afterwards.
   * @throws JournalError `ENTRY_TOO_LARGE`, naming the row whose amount takes its sub-entry to 2^63.
   */
  build(): Journal {
    const entryNames = this.entries.names();
    const sortedEntries = rank(entryNames, entryIdOrder(entryNames));
    const sortedAccounts = rank(this.accounts.names(), compareCodeUnits);
    const sortedCommodities = rank(this.commodities.names(), compareCodeUnits);
    const { length } = this;
    replaceByRank(this.entry, length, sortedEntries.rankOf);
    replaceByRank(this.account, length, sortedAccounts.rankOf);
    replaceByRank(this.commodity, length, sortedCommodities.rankOf);

    // Two stable counting sorts: the lines of a sub-entry come together, in the order of the input.
    const byCommodity = countingSort(identity(length), this.commodity, sortedCommodities.names.length);
    const order = countingSort(byCommodity, this.entry, sortedEntries.names.length);
    const { offsets, entryOfSubEntry, commodityOfSubEntry } = this.findSubEntries(order);
    const safe = this.checkSums(order, offsets);
    this.orderLines(order, offsets);

    const { classes, classOfAccount } = classifyAccounts(sortedAccounts.names);
    const lineNo = new Float64Array(length);
    const account = new Uint32Array(length);
    const accountClass = new Uint32Array(length);
    const amount = new BigInt64Array(length);
    const words = new Int32Array(amount.buffer);
    const amountNumber = new Float64Array(length);
    for (let i = 0; i < length; i++) {
      const source = order[i]!;
      lineNo[i] = this.lineNo[source]!;
      account[i] = this.account[source]!;
      accountClass[i] = classOfAccount[account[i]!]!;
      amountNumber[i] = this.amount[source]!;
      setInt64FromNumber(words, i, amountNumber[i]!);
      if (this.bigAmounts.size > 0) {
        const exact = this.bigAmounts.get(source);
        if (exact !== undefined) amount[i] = exact;
      }
    }
    return {
      accounts: sortedAccounts.names,
      classes,
      classOfAccount,
      commodities: sortedCommodities.names,
      entryIds: sortedEntries.names,
      subEntryCount: offsets.length - 1,
      lineCount: length,
      entryOfSubEntry,
      commodityOfSubEntry,
      offsets,
      lineNo,
      account,
      accountClass,
      amount,
      amountNumber: safe ? amountNumber : null,
    };
  }

  private findSubEntries(order: Uint32Array): Pick<Journal, 'offsets' | 'entryOfSubEntry' | 'commodityOfSubEntry'> {
    const starts: number[] = [];
    for (let i = 0; i < order.length; i++) {
      const [line, previous] = [order[i]!, order[i - 1]];
      const same =
        previous !== undefined &&
        this.entry[line] === this.entry[previous] &&
        this.commodity[line] === this.commodity[previous];
      if (!same) starts.push(i);
    }
    return {
      offsets: Uint32Array.from([...starts.values(), order.length]),
      entryOfSubEntry: Uint32Array.from(starts, (start) => this.entry[order[start]!]!),
      commodityOfSubEntry: Uint32Array.from(starts, (start) => this.commodity[order[start]!]!),
    };
  }

  /** @returns whether Σ|amount| of every sub-entry is a safe integer. */
  private checkSums(order: Uint32Array, offsets: Uint32Array): boolean {
    let safe = true;
    for (let s = 0; s + 1 < offsets.length; s++) {
      let sum = 0;
      for (let i = offsets[s]!; i < offsets[s + 1]!; i++) sum += Math.abs(this.amount[order[i]!]!);
      if (sum <= Number.MAX_SAFE_INTEGER) continue;
      safe = false;
      if (sum >= SURELY_BELOW_LIMIT) this.checkSumExactly(order.subarray(offsets[s], offsets[s + 1]));
    }
    return safe;
  }

  private checkSumExactly(lines: Uint32Array): void {
    let sum = 0n;
    for (const line of lines) {
      const amount = this.exactAmount(line);
      sum += amount < 0n ? -amount : amount;
      if (sum >= SUM_LIMIT) {
        throw new JournalError(
          'ENTRY_TOO_LARGE',
          { row: this.row[line]! },
          'the absolute amounts of its entry and commodity add up to 2^63 or more here; expected less, ' +
            'so that 64-bit sums are exact',
        );
      }
    }
  }

  /** Puts the lines of each sub-entry into canonical order, in place. */
  private orderLines(order: Uint32Array, offsets: Uint32Array): void {
    const compare = (a: number, b: number): number => this.compareLines(a, b);
    for (let s = 0; s + 1 < offsets.length; s++) {
      const [start, end] = [offsets[s]!, offsets[s + 1]!];
      if (end - start > INSERTION_LIMIT) {
        order.subarray(start, end).sort(compare);
        continue;
      }
      for (let i = start + 1; i < end; i++) {
        const line = order[i]!;
        let j = i - 1;
        while (j >= start && this.compareLines(order[j]!, line) > 0) {
          order[j + 1] = order[j]!;
          j--;
        }
        order[j + 1] = line;
      }
    }
  }

  private compareLines(a: number, b: number): number {
    const byLineNo = this.lineNo[a]! - this.lineNo[b]!;
    if (byLineNo !== 0) return byLineNo;
    const byAccount = this.account[a]! - this.account[b]!;
    if (byAccount !== 0) return byAccount;
    const [amountA, amountB] = [this.amount[a]!, this.amount[b]!];
    if (amountA !== amountB || this.bigAmounts.size === 0) return amountA - amountB;
    const difference = this.exactAmount(a) - this.exactAmount(b);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }

  private exactAmount(line: number): bigint {
    return this.bigAmounts.get(line) ?? BigInt(this.amount[line]!);
  }

  private grow(): void {
    const size = Math.min(2 * this.entry.length, MAX_JOURNAL_LINES);
    this.entry = grownCopy(this.entry, new Uint32Array(size));
    this.commodity = grownCopy(this.commodity, new Uint32Array(size));
    this.account = grownCopy(this.account, new Uint32Array(size));
    this.lineNo = grownCopy(this.lineNo, new Float64Array(size));
    this.row = grownCopy(this.row, new Float64Array(size));
    this.amount = grownCopy(this.amount, new Float64Array(size));
  }
}

/** Ids of names in first-seen order. */
class Names {
  private readonly ids = new Map<string, number>();

  idOf(name: string): number {
    let id = this.ids.get(name);
    if (id === undefined) {
      id = this.ids.size;
      this.ids.set(name, id);
    }
    return id;
  }

  names(): string[] {
    return [...this.ids.keys()];
  }
}

/** @returns the names in order, and the rank of each by its position in the argument. */
function rank(
  names: readonly string[],
  compare: (a: string, b: string) => number,
): { names: string[]; rankOf: Uint32Array } {
  const order = names.map((_, i) => i).sort((a, b) => compare(names[a]!, names[b]!));
  const rankOf = new Uint32Array(names.length);
  order.forEach((id, position) => (rankOf[id] = position));
  return { names: order.map((id) => names[id]!), rankOf };
}

function replaceByRank(ids: Uint32Array, length: number, rankOf: Uint32Array): void {
  for (let i = 0; i < length; i++) ids[i] = rankOf[ids[i]!]!;
}

function identity(length: number): Uint32Array {
  const order = new Uint32Array(length);
  for (let i = 0; i < length; i++) order[i] = i;
  return order;
}

/** @returns the items of `order` stably by `key[item]`, which is below `keyCount`. */
function countingSort(order: Uint32Array, key: Uint32Array, keyCount: number): Uint32Array {
  const next = new Uint32Array(keyCount + 1);
  for (const item of order) next[key[item]! + 1]!++;
  for (let k = 0; k < keyCount; k++) next[k + 1]! += next[k]!;
  const sorted = new Uint32Array(order.length);
  for (const item of order) sorted[next[key[item]!]!++] = item;
  return sorted;
}

function grownCopy<T extends Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
