/** What waits for its time of day. */
export interface Due {
  /** Infinite: it waits for nothing. Changed only through the queue. */
  readonly attemptAtMs: number;
}

interface Place<T> {
  readonly atMs: number;
  readonly item: T;
}

const COMPACT_ABOVE = 64;

/** A heap by time. Rescheduling leaves the old place behind, which is skipped when its turn comes, or goes when too many are. */
export class DueQueue<T extends { -readonly [K in keyof Due]: Due[K] }> {
  private heap: Place<T>[] = [];
  /** Items that wait for a time. */
  private waiting = 0;

  /** Places in memory. */
  get size(): number {
    return this.heap.length;
  }

  /** Earlier places of the item count no more. */
  schedule(item: T, atMs: number): void {
    if (item.attemptAtMs === atMs) return;
    if (item.attemptAtMs !== Number.POSITIVE_INFINITY) this.waiting--;
    item.attemptAtMs = atMs;
    if (atMs === Number.POSITIVE_INFINITY) return;
    this.waiting++;
    this.push({ atMs, item });
    if (this.heap.length > COMPACT_ABOVE && this.heap.length > 2 * this.waiting) this.compact();
  }

  /** When the first is due; undefined when none waits. */
  get nextAtMs(): number | undefined {
    this.skipOld();
    return this.heap[0]?.atMs;
  }

  /** Takes the first out that is due; it waits no longer. */
  takeDue(nowMs: number): T | undefined {
    this.skipOld();
    const first = this.heap[0];
    if (first === undefined || first.atMs > nowMs) return undefined;
    this.pop();
    first.item.attemptAtMs = Number.POSITIVE_INFINITY;
    this.waiting--;
    return first.item;
  }

  /** A sorted array is a heap. */
  private compact(): void {
    const items = new Set(this.heap.map(({ item }) => item));
    this.heap = [...items]
      .filter(({ attemptAtMs }) => attemptAtMs !== Number.POSITIVE_INFINITY)
      .map((item) => ({ atMs: item.attemptAtMs, item }))
      .sort((a, b) => a.atMs - b.atMs);
  }

  private skipOld(): void {
    for (let first = this.heap[0]; first !== undefined && first.atMs !== first.item.attemptAtMs; first = this.heap[0])
      this.pop();
  }

  private push(place: Place<T>): void {
    const { heap } = this;
    let at = heap.push(place) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.atMs <= place.atMs) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = place;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.atMs < heap[child]!.atMs) child++;
      if (heap[child]!.atMs >= last.atMs) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}
