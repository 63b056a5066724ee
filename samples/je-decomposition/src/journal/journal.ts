/**
 * A journal as columns, in the order the rules need.
 *
 * Lines stand by sub-entry (one entry in one commodity), sub-entries by (entry id, commodity), lines of a sub-entry in
 * canonical order: line number, account, amount. The columns are owned by the journal and not to be written.
 */
export interface Journal {
  /** Account names by code unit; an account id is a position here. */
  readonly accounts: readonly string[];
  /** Class names by code unit; a class id is a position here. See {@link accountClassName}. */
  readonly classes: readonly string[];
  /** Class id of each account. */
  readonly classOfAccount: Uint32Array;
  /** By code unit. */
  readonly commodities: readonly string[];
  /** Distinct entry ids in order: as numbers when all are plain decimal integers, else by code unit. */
  readonly entryIds: readonly string[];

  readonly subEntryCount: number;
  readonly lineCount: number;
  /** Per sub-entry: position in `entryIds`. */
  readonly entryOfSubEntry: Uint32Array;
  /** Per sub-entry: position in `commodities`. */
  readonly commodityOfSubEntry: Uint32Array;
  /** `subEntryCount + 1` relative positions: sub-entry i has the lines `offsets[i]` to `offsets[i + 1] - 1`. */
  readonly offsets: Uint32Array;

  /** Per line: its number in the entry, a safe integer ≥ 0. */
  readonly lineNo: Float64Array;
  /** Per line: account id. */
  readonly account: Uint32Array;
  /** Per line: class id of the account. */
  readonly accountClass: Uint32Array;
  /** Per line: minor units, > 0 debit, < 0 credit. */
  readonly amount: BigInt64Array;
  /**
   * The same amounts as numbers, where Σ|amount| of every sub-entry is a safe integer, so that sums within a sub-entry
   * are exact in float64; else null.
   */
  readonly amountNumber: Float64Array | null;
}

/** Most lines of a journal: relative offsets are u32 and a suspense line takes one number more. */
export const MAX_JOURNAL_LINES = 0xffff_fffe;

/** Name of the account of the suspense line in reports. */
export const SUSPENSE_ACCOUNT = '[suspense]';

/** Class of an account: the leading digit of a numbered account ("4000 Sales"), else what stands before the first ':'. */
export function accountClassName(account: string): string {
  const first = account.charCodeAt(0);
  if (first >= 0x30 && first <= 0x39) return account.charAt(0);
  const colon = account.indexOf(':');
  return colon < 0 ? account : account.slice(0, colon);
}

/** @returns distinct class names by code unit, and the class id of each account. */
export function classifyAccounts(accounts: readonly string[]): { classes: string[]; classOfAccount: Uint32Array } {
  const names = accounts.map(accountClassName);
  const classes = [...new Set(names)].sort(compareCodeUnits);
  const ids = new Map(classes.map((name, id) => [name, id]));
  return { classes, classOfAccount: Uint32Array.from(names, (name) => ids.get(name)!) };
}

export function compareCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The order of a journal's entry ids: see {@link Journal.entryIds}. Leading zeros count only between equal numbers. */
export function entryIdOrder(entryIds: readonly string[]): (a: string, b: string) => number {
  if (!entryIds.every((id) => /^[0-9]+$/.test(id))) return compareCodeUnits;
  return (a, b) => {
    const digitsA = a.replace(/^0+(?=.)/, '');
    const digitsB = b.replace(/^0+(?=.)/, '');
    return digitsA.length - digitsB.length || compareCodeUnits(digitsA, digitsB) || compareCodeUnits(a, b);
  };
}

/**
 * Writes a safe integer into a 64-bit column through its words, which is far cheaper than making a bigint.
 *
 * @param words - Int32 view of a BigInt64Array; little-endian, as every platform of Node is in practice.
 */
export function setInt64FromNumber(words: Int32Array, index: number, value: number): void {
  words[2 * index] = value | 0;
  words[2 * index + 1] = Math.floor(value / 4_294_967_296) | 0;
}
