/** What went wrong, by condition. */
export type GraphErrorCode =
  /** A line does not have the fields that its format needs. */
  | 'LINE_MALFORMED'
  /** A field does not hold what it should. */
  | 'INVALID_VALUE'
  /** A heading that is missing, or names something this reader does not know. */
  | 'HEADER_INVALID'
  /** The file says how many entries it has, and has others. */
  | 'ENTRIES_MISSING'
  | 'TOO_MANY_ROWS'
  /** A graph whose counts might not fit in 64 bits. */
  | 'COUNT_OVERFLOW'
  /** An argument of a function of this sample is out of its range. */
  | 'INVALID_ARGUMENT';

const BRAND = Symbol.for('@gpu-bridge/sample-graph-motifs/GraphError');

/** The input is refused as a whole. The message says where, what stood there and what was expected. */
export class GraphError extends Error {
  readonly code: GraphErrorCode;
  /** Line of the input, from 1. */
  readonly line: number | undefined;
  readonly [BRAND] = true;

  constructor(code: GraphErrorCode, line: number | undefined, message: string, options?: ErrorOptions) {
    super(line === undefined ? message : `line ${line}: ${message}`, options);
    this.name = 'GraphError';
    this.code = code;
    this.line = line;
  }

  /** Tests the brand rather than the class, so that a second copy of the module is recognised too. */
  static is(error: unknown, code?: GraphErrorCode): error is GraphError {
    if (typeof error !== 'object' || error === null || !(BRAND in error)) return false;
    return code === undefined || (error as GraphError).code === code;
  }
}

/** A piece of the input as a message shows it: short, and on one line. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}
