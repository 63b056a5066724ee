import type { KernelHandle } from '@gpu-bridge/abstractions';
import type { ItemBuffer } from './item-buffer.js';
import { valueFrom } from './stream-value.js';
import type { UnplacedValue } from './stream-value.js';

/** Consecutive items of a stream that go through one job. */
export interface Unit<TOut> {
  readonly firstItem: number;
  itemCount: number;
  /** Collects its items; let go of when the job has ended. */
  buffer: ItemBuffer | undefined;
  /** When its first item came, ms. */
  readonly sinceMs: number;
  handle: KernelHandle<unknown> | undefined;
  /** Its results in item order, once the job has ended. */
  values: readonly UnplacedValue<TOut>[] | undefined;
  dropped: boolean;
}

/**
 * The items of a stream in the order of their acceptance, numbered from 0: `[0, base)` are gone, `[base, released)` retained,
 * `[released, accepted)` owed to somebody.
 */
export class StreamQueue<TOut> {
  accepted = 0;
  released = 0;
  base = 0;
  private units: (Unit<TOut> | undefined)[] = [];
  private first = 0;

  constructor(private readonly retainItems: number) {}

  /** Items that count against the stream's limit. */
  get owedItems(): number {
    return this.accepted - this.released;
  }

  push(unit: Unit<TOut>): void {
    this.units.push(unit);
  }

  /** The results from this item on, as far as one value has them; undefined while its job runs. */
  valueAt(item: number): UnplacedValue<TOut> | undefined {
    const unit = this.units[this.indexOf(item)];
    if (unit === undefined || item < unit.firstItem || unit.values === undefined) return undefined;
    for (const value of unit.values) {
      if (item < value.firstItem + value.itemCount) return valueFrom(value, item);
    }
    return undefined;
  }

  /** Nobody waits for the items below this one any more. */
  releaseTo(item: number): void {
    this.released = Math.max(this.released, item);
    this.forgetBelow(this.released - this.retainItems);
  }

  /** Lets go of the oldest units until so many items are owed at most. @returns how many owed items that cost. */
  dropTo(owedItems: number): number {
    let dropped = 0;
    while (this.owedItems > owedItems) {
      const unit = this.units[this.first]!;
      const end = unit.firstItem + unit.itemCount;
      dropped += Math.max(0, end - this.released);
      this.released = Math.max(this.released, end);
      unit.dropped = true;
      unit.handle?.dispose();
      this.removeFirst(unit);
    }
    return dropped;
  }

  /** Every unit that is kept. */
  *[Symbol.iterator](): Generator<Unit<TOut>> {
    for (let i = this.first; i < this.units.length; i++) yield this.units[i]!;
  }

  private forgetBelow(item: number): void {
    for (let unit = this.units[this.first]; unit !== undefined; unit = this.units[this.first]) {
      if (unit.values === undefined || unit.firstItem + unit.itemCount > item) return;
      this.removeFirst(unit);
    }
  }

  private removeFirst(unit: Unit<TOut>): void {
    this.base = unit.firstItem + unit.itemCount;
    this.first++;
    // Copies at most half of the array, after as many removals: constant time on average.
    if (this.first >= 32 && this.first * 2 >= this.units.length) {
      this.units = this.units.slice(this.first);
      this.first = 0;
    } else this.units[this.first - 1] = undefined; // must not keep results alive
  }

  /** Of the last unit that begins at or before the item. */
  private indexOf(item: number): number {
    let [low, high] = [this.first, this.units.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.units[middle]!.firstItem <= item) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
