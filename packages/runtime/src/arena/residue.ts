/** Spans that a run keeps apart; beyond that neighbours are taken for bytes of several owners. */
const MOST_SPANS = 64;
/** Owner of what belongs to more than one. */
const MIXED = Symbol('mixed');

interface Span {
  /** Undefined: nobody's; the memory is as it came. */
  readonly owner: string | symbol | undefined;
  sizeBytes: number;
}

/** Whose bytes lie in a run of memory, in the order of addresses. */
export class Residue {
  private spans: Span[];

  /** @param owner - of all of it; undefined for memory that nobody has used. */
  constructor(owner: string | undefined, sizeBytes: number) {
    this.spans = [{ owner, sizeBytes }];
  }

  /** Keeps the first bytes. @param sizeBytes - less than there are. @returns the rest. */
  splitAt(sizeBytes: number): Residue {
    let at = 0;
    let before = 0;
    while (before + this.spans[at]!.sizeBytes <= sizeBytes) before += this.spans[at++]!.sizeBytes;
    const cut = this.spans[at]!;
    const rest = new Residue(undefined, 0);
    rest.spans = this.spans.splice(at);
    const kept = sizeBytes - before;
    if (kept > 0) {
      this.spans.push({ owner: cut.owner, sizeBytes: kept });
      cut.sizeBytes -= kept;
    }
    return rest;
  }

  /** The run grows by its right neighbour, which is used up. */
  append(right: Residue): void {
    const last = this.spans[this.spans.length - 1]!;
    const [first, ...others] = right.spans;
    if (first!.owner === last.owner) last.sizeBytes += first!.sizeBytes;
    else this.spans.push(first!);
    for (const span of others) this.spans.push(span);
    if (this.spans.length > MOST_SPANS) this.coarsen();
  }

  /** Calls back for what others than `owner` have left there, by offset from the run's start. */
  foreignTo(owner: string, found: (offset: number, sizeBytes: number) => void): void {
    let offset = 0;
    for (const span of this.spans) {
      if (span.owner !== undefined && span.owner !== owner) found(offset, span.sizeBytes);
      offset += span.sizeBytes;
    }
  }

  /** Joins neighbours two by two. Memory that nobody has used stays apart: it is the large rest of an arena. */
  private coarsen(): void {
    const joined: Span[] = [];
    for (let i = 0; i < this.spans.length; i += 2) {
      const left = this.spans[i]!;
      const right = this.spans[i + 1];
      if (right === undefined) joined.push(left);
      else if (left.owner === undefined || right.owner === undefined) joined.push(left, right);
      else joined.push({ owner: MIXED, sizeBytes: left.sizeBytes + right.sizeBytes });
    }
    this.spans = joined;
  }
}
