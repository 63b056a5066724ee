import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { CsvError, Parser } from 'csv-parse';
import { parse as parseSync } from 'csv-parse/sync';

import { JournalError } from './errors.js';
import { JournalBuilder } from './journal-builder.js';
import type { Journal } from './journal.js';
import { negate, parseMinorUnits } from './minor-units.js';

export interface JournalCsvOptions {
  /** The commodity of every line when the file has no `commodity` column; without it that column is required. */
  readonly defaultCommodity?: string;
}

/**
 * Reads a journal in CSV (RFC 4180; UTF-8, with or without byte order mark; any line break).
 *
 * The header names the columns, in any order: `entry_id`, `account`, `commodity`, and either `amount` (> 0 debit, < 0
 * credit) or `debit` and `credit`, of which a row needs one; a row with both makes two lines. Amounts are integers in
 * minor units. `line_no` is optional; without it the position of the row within its entry counts, from 0. Other columns,
 * such as `date` and `rounding`, are not read. Blank rows are skipped. Nothing is returned unless all of it is right.
 *
 * @param source - bytes or text in pieces; consumed, and destroyed on error if it is a stream.
 * @throws JournalError naming row and column, the header being row 1; an error of the source itself as it is.
 */
export async function readJournalCsv(
  source: Readable | AsyncIterable<Uint8Array | string>,
  options: JournalCsvOptions = {},
): Promise<Journal> {
  const rows = new RowReader(options);
  const parser = new RowParser(rows);
  // It has no output, but ends only when read to the end.
  parser.resume();
  try {
    await pipeline(source instanceof Readable ? source : Readable.from(source), parser);
  } catch (error) {
    throw rows.explain(error);
  }
  return rows.finish();
}

/** {@link readJournalCsv} of a file. */
export function readJournalCsvFile(path: string, options?: JournalCsvOptions): Promise<Journal> {
  return readJournalCsv(createReadStream(path), options);
}

/** {@link readJournalCsv} of a text in memory. */
export function parseJournalCsv(text: string, options: JournalCsvOptions = {}): Journal {
  const rows = new RowReader(options);
  try {
    // Null keeps the rows out of the parser's own output.
    parseSync(text, { ...PARSER_OPTIONS, on_record: (fields: string[]) => (rows.accept(fields), null) });
  } catch (error) {
    throw rows.explain(error);
  }
  return rows.finish();
}

const COLUMNS = ['entry_id', 'line_no', 'account', 'commodity', 'amount', 'debit', 'credit'] as const;
type Column = (typeof COLUMNS)[number];

/** Where each column stands in a row; -1 where the file does not have it. */
type Layout = Readonly<Record<Column, number>> & { readonly fieldCount: number };

const PARSER_OPTIONS = {
  bom: true,
  record_delimiter: ['\r\n', '\n', '\r'],
  // Rows of the wrong length and blank rows are judged here, so that the message can say what was expected.
  relax_column_count: true,
};

/**
 * The parser, with the rows taken where it puts them out: nothing is queued, so the first wrong row is the one reported.
 * The option `on_record` would do the same more slowly, since it describes each record anew.
 */
class RowParser extends Parser {
  private refused = false;

  constructor(private readonly rows: RowReader) {
    super(PARSER_OPTIONS);
  }

  override push(record: string[] | null): boolean {
    if (record === null) return super.push(null);
    if (this.refused) return true;
    try {
      this.rows.accept(record);
    } catch (error) {
      this.refused = true;
      this.destroy(error as Error);
    }
    return true;
  }
}

/** Takes the rows as the parser finds them and fills a builder. */
class RowReader {
  private readonly builder = new JournalBuilder();
  private readonly options: JournalCsvOptions;
  private layout: Layout | undefined;
  private row = 0;
  /** Rows seen per entry, where there is no `line_no`. */
  private readonly rowsOfEntry = new Map<string, number>();

  constructor(options: JournalCsvOptions) {
    if (options.defaultCommodity === '') {
      throw new JournalError('INVALID_ARGUMENT', {}, 'defaultCommodity is empty; expected a name or nothing');
    }
    this.options = options;
  }

  finish(): Journal {
    if (this.layout === undefined) {
      throw new JournalError('EMPTY_INPUT', {}, 'the input is empty; expected at least a header row');
    }
    return this.builder.build();
  }

  /** @returns what to throw for an error of the parser. */
  explain(error: unknown): unknown {
    if (!(error instanceof CsvError)) return error;
    const message = `the text is not valid CSV (${error.code}): ${error.message}; expected RFC 4180, a quote inside quotes doubled`;
    return new JournalError('CSV_MALFORMED', { row: this.row + 1 }, message, { cause: error });
  }

  accept(fields: readonly string[]): void {
    this.row++;
    if (fields.length === 1 && fields[0]!.trim() === '') return;
    if (this.layout === undefined) {
      this.layout = readHeader(fields, this.row, this.options);
      return;
    }
    const { layout, row } = this;
    if (fields.length !== layout.fieldCount) {
      throw new JournalError(
        'CSV_MALFORMED',
        { row },
        `the row has ${fields.length} fields; expected ${layout.fieldCount} as in the header`,
      );
    }
    const entryId = this.text(fields, 'entry_id');
    const account = this.text(fields, 'account');
    const commodity = layout.commodity < 0 ? this.options.defaultCommodity! : this.text(fields, 'commodity');
    const lineNo = layout.line_no < 0 ? this.nextPosition(entryId) : this.lineNumber(fields);
    if (layout.amount >= 0) {
      this.builder.add(entryId, lineNo, account, commodity, this.amount(fields, 'amount'), row);
      return;
    }
    const [debit, credit] = this.debitAndCredit(fields);
    if (debit !== undefined) this.builder.add(entryId, lineNo, account, commodity, debit, row);
    if (credit !== undefined) this.builder.add(entryId, lineNo, account, commodity, negate(credit), row);
  }

  private text(fields: readonly string[], column: Column): string {
    const text = fields[this.layout![column]]!;
    if (text === '') {
      throw new JournalError('INVALID_VALUE', { row: this.row, column }, 'the cell is empty; expected a name');
    }
    return text;
  }

  private nextPosition(entryId: string): number {
    const position = this.rowsOfEntry.get(entryId) ?? 0;
    this.rowsOfEntry.set(entryId, position + 1);
    return position;
  }

  private lineNumber(fields: readonly string[]): number {
    const column = 'line_no';
    const text = fields[this.layout![column]]!;
    const value = Number(text);
    if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(value)) {
      throw new JournalError(
        'INVALID_VALUE',
        { row: this.row, column },
        `${quoted(text)} is no line number; expected a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`,
      );
    }
    return value;
  }

  /** The parts of a row that make lines. A zero beside an amount makes none, two zeros make one zero line. */
  private debitAndCredit(fields: readonly string[]): [number | bigint | undefined, number | bigint | undefined] {
    const { layout, row } = this;
    const debitText = fields[layout!.debit]!;
    const creditText = fields[layout!.credit]!;
    if (debitText === '' && creditText === '') {
      throw new JournalError(
        'INVALID_VALUE',
        { row, column: 'debit' },
        'both "debit" and "credit" are empty; expected an amount in one of them',
      );
    }
    const debit = debitText === '' ? undefined : this.amount(fields, 'debit');
    const credit = creditText === '' ? undefined : this.amount(fields, 'credit');
    if (debit === undefined || credit === undefined) return [debit, credit];
    if (credit === 0) return [debit, undefined];
    return [debit === 0 ? undefined : debit, credit];
  }

  private amount(fields: readonly string[], column: 'amount' | 'debit' | 'credit'): number | bigint {
    const text = fields[this.layout![column]]!;
    const value = parseMinorUnits(text);
    if (typeof value !== 'string') {
      // A credit of -2^63 would be a debit of 2^63.
      if (column !== 'credit' || value !== -(2n ** 63n)) return value;
    }
    const expected = 'expected a whole number of minor units such as 1250 or -1250';
    const place = { row: this.row, column };
    if (value === 'empty') throw new JournalError('INVALID_VALUE', place, `the cell is empty; ${expected}`);
    if (value === 'not-an-integer') {
      throw new JournalError('INVALID_VALUE', place, `${quoted(text)} is no amount; ${expected}`);
    }
    throw new JournalError(
      'AMOUNT_OUT_OF_RANGE',
      place,
      `${quoted(text)} does not fit; expected a signed 64-bit integer`,
    );
  }
}

function readHeader(fields: readonly string[], row: number, options: JournalCsvOptions): Layout {
  const names = fields.map((name) => name.trim().toLowerCase());
  const layout: Record<string, number> = { fieldCount: fields.length };
  for (const column of COLUMNS) {
    layout[column] = names.indexOf(column);
    if (names.lastIndexOf(column) !== layout[column]) {
      throw new JournalError(
        'AMBIGUOUS_COLUMN',
        { row, column },
        'the header names the column twice; expected it once',
      );
    }
  }
  const has = (column: Column): boolean => layout[column]! >= 0;
  if (has('amount') && (has('debit') || has('credit'))) {
    throw new JournalError(
      'AMBIGUOUS_COLUMN',
      { row, column: 'amount' },
      'the header names "amount" beside "debit" or "credit"; expected either "amount" or both "debit" and "credit"',
    );
  }
  const amounts: readonly Column[] = has('debit') || has('credit') ? ['debit', 'credit'] : ['amount'];
  const required: readonly Column[] = ['entry_id', 'account', 'commodity', ...amounts];
  const missing = required.find(
    (column) => !has(column) && !(column === 'commodity' && options.defaultCommodity !== undefined),
  );
  if (missing !== undefined) {
    throw new JournalError(
      'MISSING_COLUMN',
      { row, column: missing },
      `the header does not name it; expected entry_id, account, commodity and either amount or debit and credit ` +
        `(line_no is optional), found ${quoted(fields.join(','))}`,
    );
  }
  return layout as Layout;
}

/** A cell as a message shows it: short, and on one line. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}
