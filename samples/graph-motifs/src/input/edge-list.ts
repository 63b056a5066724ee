import { GraphError, quoted } from './errors.js';

/** `snap`: from and to. `csv4`: source, target, rating and time. `mtx`: a symmetric MatrixMarket file, or a general one. */
export type EdgeListFormat = 'snap' | 'csv4' | 'mtx';

/** The rows of a graph file, in file order, with its own ids. */
export interface EdgeList {
  readonly format: EdgeListFormat;
  /** Whether a row is an arc from source to target; else it is an edge between them. */
  readonly isDirected: boolean;
  readonly source: Uint32Array;
  readonly target: Uint32Array;
  /** When each row happened, in µs; undefined where the file has no times. */
  readonly timeUs: Float64Array | undefined;
}

/** Twice as many neighbours are the most that 32-bit offsets reach. */
export const MAX_ROWS = 2 ** 30;
const FIRST_CAPACITY = 4_096;

/** Collects rows; memory doubles as they come. */
export class EdgeListBuilder {
  private source = new Uint32Array(FIRST_CAPACITY);
  private target = new Uint32Array(FIRST_CAPACITY);
  private timeUs: Float64Array;
  private rows = 0;

  constructor(
    private readonly format: EdgeListFormat,
    private readonly isDirected: boolean,
    private readonly hasTimes = false,
  ) {
    this.timeUs = new Float64Array(hasTimes ? FIRST_CAPACITY : 0);
  }

  get count(): number {
    return this.rows;
  }

  /** @throws GraphError `TOO_MANY_ROWS`. */
  add(source: number, target: number, line: number, timeUs = 0): void {
    if (this.rows === MAX_ROWS) {
      throw new GraphError(
        'TOO_MANY_ROWS',
        line,
        `row ${this.rows + 1}; a graph of this sample has at most ${MAX_ROWS}`,
      );
    }
    if (this.rows === this.source.length) this.grow();
    this.source[this.rows] = source;
    this.target[this.rows] = target;
    if (this.hasTimes) this.timeUs[this.rows] = timeUs;
    this.rows++;
  }

  build(): EdgeList {
    const { format, isDirected, rows } = this;
    return {
      format,
      isDirected,
      source: this.source.slice(0, rows),
      target: this.target.slice(0, rows),
      timeUs: this.hasTimes ? this.timeUs.slice(0, rows) : undefined,
    };
  }

  private grow(): void {
    const doubled = <T extends Uint32Array | Float64Array>(from: T, to: T): T => (to.set(from), to);
    const capacity = 2 * this.source.length;
    this.source = doubled(this.source, new Uint32Array(capacity));
    this.target = doubled(this.target, new Uint32Array(capacity));
    if (this.hasTimes) this.timeUs = doubled(this.timeUs, new Float64Array(capacity));
  }
}

const MAX_ID = 2 ** 32 - 1;

/** @throws GraphError `INVALID_VALUE` unless the text is a whole number of 32 bits, at least `least`. */
export function parseId(text: string, line: number, what: string, least = 0): number {
  const id = /^[0-9]+$/.test(text) ? Number(text) : NaN;
  if (id >= least && id <= MAX_ID) return id;
  throw new GraphError(
    'INVALID_VALUE',
    line,
    `${what} is ${quoted(text)}; expected a whole number from ${least} to ${MAX_ID}`,
  );
}
