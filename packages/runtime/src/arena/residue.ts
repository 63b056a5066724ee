/** Spans that a run keeps apart; beyond that neighbours are taken for bytes of several owners. */
const MOST_SPANS = 64;
/** Owner of what belongs to more than one. */
const MIXED = Symbol('mixed');

class Span {
  /** @param owner - undefined: nobody's; the memory is as it came. */
  constructor(
    public owner: string | symbol | undefined,
    public sizeBytes: number,
    public next?: Span,
  ) {}
}

/** Whose bytes lie in a run of memory, in the order of addresses. A list of spans: every job splits one and joins one. */
export class Residue {
  private constructor(
    private readonly first: Span,
    private last: Span,
    private count: number,
  ) {}

  /** @param owner - of all of it; undefined for memory that nobody has used. */
  static of(owner: string | undefined, sizeBytes: number): Residue {
    const span = new Span(owner, sizeBytes);
    return new Residue(span, span, 1);
  }

  /** Keeps the first bytes. @param sizeBytes - less than there are. @returns the rest. */
  splitAt(sizeBytes: number): Residue {
    let cut = this.first;
    let kept = 1;
    let leftBytes = sizeBytes;
    for (; cut.sizeBytes < leftBytes; kept++) {
      leftBytes -= cut.sizeBytes;
      cut = cut.next!;
    }
    let behind = cut.next;
    let behindCount = this.count - kept;
    if (cut.sizeBytes > leftBytes) {
      behind = new Span(cut.owner, cut.sizeBytes - leftBytes, behind);
      behindCount++;
      cut.sizeBytes = leftBytes;
    }
    const rest = new Residue(behind!, this.last === cut ? behind! : this.last, behindCount);
    cut.next = undefined;
    this.last = cut;
    this.count = kept;
    return rest;
  }

  /** The run grows by its right neighbour, which is used up. */
  append(right: Residue): void {
    const { last } = this;
    const { first } = right;
    if (first.owner === last.owner) {
      last.sizeBytes += first.sizeBytes;
      last.next = first.next;
      this.last = first.next === undefined ? last : right.last;
      this.count += right.count - 1;
    } else {
      last.next = first;
      this.last = right.last;
      this.count += right.count;
    }
    if (this.count > MOST_SPANS) this.coarsen();
  }

  /** Whether all of it is `owner`'s. */
  isAllOf(owner: string): boolean {
    return this.count === 1 && this.first.owner === owner;
  }

  /** Calls back for what others than `owner` have left there, by offset from the run's start. */
  foreignTo(owner: string, found: (offset: number, sizeBytes: number) => void): void {
    let offset = 0;
    for (let span: Span | undefined = this.first; span !== undefined; span = span.next) {
      if (span.owner !== undefined && span.owner !== owner) found(offset, span.sizeBytes);
      offset += span.sizeBytes;
    }
  }

  /** Joins neighbours two by two. Memory that nobody has used stays apart: it is the large rest of an arena. */
  private coarsen(): void {
    for (let span: Span | undefined = this.first; span?.next !== undefined; span = span.next) {
      const next: Span = span.next;
      if (span.owner === undefined || next.owner === undefined) continue;
      span.owner = MIXED;
      span.sizeBytes += next.sizeBytes;
      span.next = next.next;
      if (this.last === next) this.last = span;
      this.count--;
    }
  }
}
