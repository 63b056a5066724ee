import { JournalError } from './errors.js';
import { classifyAccounts, setInt64FromNumber, type Journal } from './journal.js';
import { EntryWriter, chartOfAccounts } from './procure-to-pay.js';
import { Random } from './random.js';

export interface GenerateOptions {
  /** At least so many lines; the last entry is completed, so there may be some more. */
  readonly lines: number;
  /** An integer; the same options give the same journal. */
  readonly seed: number;
  /** Part of the entries, 0 to 1, whose last amount is off. Default 0. */
  readonly unbalancedFraction?: number;
  /** Most lines of an entry, 8 to 100,000. Default 1000. */
  readonly maxEntryLines?: number;
}

/** Median and spread of the log-normal line counts: about 55 % of entries have two lines, 93 % at most nine. */
const MEDIAN_LINES = 2.1;
const SIGMA_LINES = 1;

const COMMODITIES = ['EUR', 'USD'] as const;

/**
 * A made-up journal of a purchasing company: requisitions, goods receipts, invoices with tax, payments, clearing, payroll,
 * allocations, reversals and currency exchange. Line counts are log-normal.
 *
 * @returns a journal whose every sub-entry sums to zero but for the `unbalancedFraction`.
 * @throws JournalError `INVALID_ARGUMENT`
 */
export function generateJournal(options: GenerateOptions): Journal {
  const { lines, seed, unbalancedFraction = 0, maxEntryLines = 1000 } = options;
  requireRange('lines', lines, 0, 2 ** 31, true);
  requireRange('seed', seed, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, true);
  requireRange('unbalancedFraction', unbalancedFraction, 0, 1, false);
  requireRange('maxEntryLines', maxEntryLines, 8, 100_000, true);

  const random = new Random(seed);
  const chart = chartOfAccounts();
  const { classes, classOfAccount } = classifyAccounts(chart.accounts);
  const capacity = lines + 2 * maxEntryLines;
  const columns = {
    lineNo: new Float64Array(capacity),
    account: new Uint32Array(capacity),
    amount: new Float64Array(capacity),
  };
  const writer = new EntryWriter(random, chart, columns);
  // Every sub-entry has two lines or more.
  const offsets = new Uint32Array(Math.ceil(capacity / 2) + 2);
  const entryOfSubEntry = new Uint32Array(Math.ceil(capacity / 2) + 1);
  const commodityOfSubEntry = new Uint32Array(Math.ceil(capacity / 2) + 1);
  const entryIds: string[] = [];
  let subEntryCount = 0;
  while (writer.lineCount < lines) {
    const wanted = Math.round(MEDIAN_LINES * Math.exp(SIGMA_LINES * random.normal()));
    const subEntries = writer.writeEntry(Math.min(Math.max(wanted, 2), maxEntryLines));
    if (unbalancedFraction > 0 && random.unit() < unbalancedFraction) {
      columns.amount[writer.lineCount - 1]! += 1 + random.below(500);
      // The last line stays a line: an amount of 0 would be dropped.
      if (columns.amount[writer.lineCount - 1] === 0) columns.amount[writer.lineCount - 1] = 1;
    }
    for (const [commodity, end] of subEntries.entries()) {
      entryOfSubEntry[subEntryCount] = entryIds.length;
      commodityOfSubEntry[subEntryCount] = commodity;
      offsets[++subEntryCount] = end;
    }
    entryIds.push(String(entryIds.length + 1));
  }

  const lineCount = writer.lineCount;
  const amountNumber = columns.amount.slice(0, lineCount);
  const account = columns.account.slice(0, lineCount);
  const accountClass = new Uint32Array(lineCount);
  const amount = new BigInt64Array(lineCount);
  const words = new Int32Array(amount.buffer);
  for (let i = 0; i < lineCount; i++) {
    accountClass[i] = classOfAccount[account[i]!]!;
    setInt64FromNumber(words, i, amountNumber[i]!);
  }
  return {
    accounts: chart.accounts,
    classes,
    classOfAccount,
    commodities: COMMODITIES,
    entryIds,
    subEntryCount,
    lineCount,
    entryOfSubEntry: entryOfSubEntry.slice(0, subEntryCount),
    commodityOfSubEntry: commodityOfSubEntry.slice(0, subEntryCount),
    offsets: offsets.slice(0, subEntryCount + 1),
    lineNo: columns.lineNo.slice(0, lineCount),
    account,
    accountClass,
    amount,
    amountNumber,
  };
}

function requireRange(name: string, value: number, low: number, high: number, whole: boolean): void {
  if (value >= low && value <= high && (!whole || Number.isInteger(value))) return;
  const kind = whole ? 'an integer' : 'a number';
  throw new JournalError('INVALID_ARGUMENT', {}, `${name} is ${value}; expected ${kind} from ${low} to ${high}`);
}
