/** What went wrong, by condition. */
export type JournalErrorCode =
  /** The text is no CSV, or a row has not as many fields as the header. */
  | 'CSV_MALFORMED'
  /** There is not even a header. */
  | 'EMPTY_INPUT'
  | 'MISSING_COLUMN'
  /** A column stands twice, or two forms of the amount stand side by side. */
  | 'AMBIGUOUS_COLUMN'
  /** A cell does not hold what its column needs. */
  | 'INVALID_VALUE'
  /** A whole number, but not one of 64 bits. */
  | 'AMOUNT_OUT_OF_RANGE'
  /** Σ|amount| of an entry in one commodity reaches 2^63. */
  | 'ENTRY_TOO_LARGE'
  /** More lines than the columns of a journal can hold. */
  | 'TOO_MANY_LINES'
  /** An argument of a function of this sample is out of its range. */
  | 'INVALID_ARGUMENT';

export interface JournalErrorPlace {
  /** Record of the input, the header being row 1 as in a spreadsheet; a quoted line break does not start a row. */
  readonly row?: number;
  /** Name of the column. */
  readonly column?: string;
}

const BRAND = Symbol.for('@gpu-bridge/sample-je-decomposition/JournalError');

/** The input is refused as a whole. The message says where, what stood there and what was expected. */
export class JournalError extends Error {
  readonly code: JournalErrorCode;
  readonly row: number | undefined;
  readonly column: string | undefined;
  readonly [BRAND] = true;

  constructor(code: JournalErrorCode, place: JournalErrorPlace, message: string, options?: ErrorOptions) {
    super(describePlace(place) + message, options);
    this.name = 'JournalError';
    this.code = code;
    this.row = place.row;
    this.column = place.column;
  }

  /** Tests the brand rather than the class, so that a second copy of the module is recognised too. */
  static is(error: unknown, code?: JournalErrorCode): error is JournalError {
    if (typeof error !== 'object' || error === null || !(BRAND in error)) return false;
    return code === undefined || (error as JournalError).code === code;
  }
}

function describePlace({ row, column }: JournalErrorPlace): string {
  const parts = [];
  if (row !== undefined) parts.push(`row ${row}`);
  if (column !== undefined) parts.push(`column "${column}"`);
  return parts.length === 0 ? '' : `${parts.join(', ')}: `;
}
