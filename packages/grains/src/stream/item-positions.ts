import type { StreamPosition } from './stream-value.js';
import { isAfter } from './stream-value.js';

/** Numbers of items, which count from an activation, and positions, which outlive it. */
export interface ItemPositions {
  positionOf(item: number): StreamPosition;
  /**
   * The first item behind a position.
   *
   * @returns `item` is undefined when none that is known lies behind it; `lost`: why items between are gone, nobody knows how many.
   */
  firstBehind(position: StreamPosition): FirstBehind;
}

export interface FirstBehind {
  readonly item: number | undefined;
  readonly lost: 'released' | 'restarted' | undefined;
}

/** Of a stream whose items end with the activation: `entry` is its fencing token. */
export class IncarnationPositions implements ItemPositions {
  constructor(private readonly incarnation: number) {}

  positionOf(item: number): StreamPosition {
    return { entry: this.incarnation, item };
  }

  firstBehind({ entry, item }: StreamPosition): FirstBehind {
    if (entry === this.incarnation) return { item: item + 1, lost: undefined };
    return { item: 0, lost: 'restarted' };
  }
}

/** Items of one entry of a log. */
export interface LoggedItems {
  readonly sequence: number;
  readonly firstItem: number;
  readonly itemCount: number;
}

/** Of a durable stream: `entry` is the sequence of the log's entry. Entries are forgotten once they are acknowledged. */
export class LoggedPositions implements ItemPositions {
  private entries: LoggedItems[] = [];
  /** Of the last item that was forgotten. */
  private forgotten: StreamPosition | undefined;

  add(entry: LoggedItems): void {
    this.entries.push(entry);
  }

  /** @returns the entries that lie wholly below this item. */
  forgetBelow(item: number): readonly LoggedItems[] {
    const index = this.entries.findIndex(({ firstItem, itemCount }) => firstItem + itemCount > item);
    const gone = this.entries.splice(0, index === -1 ? this.entries.length : index);
    const last = gone.at(-1);
    if (last !== undefined) this.forgotten = { entry: last.sequence, item: last.itemCount - 1 };
    return gone;
  }

  positionOf(item: number): StreamPosition {
    const { entries } = this;
    let [low, high] = [0, entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (entries[middle]!.firstItem <= item) low = middle + 1;
      else high = middle;
    }
    const entry = entries[low - 1];
    if (entry !== undefined) return { entry: entry.sequence, item: item - entry.firstItem };
    return this.forgotten ?? { entry: 0, item: 0 };
  }

  firstBehind(position: StreamPosition): FirstBehind {
    const lost = this.forgotten !== undefined && isAfter(this.forgotten, position) ? 'released' : undefined;
    for (const { sequence, firstItem, itemCount } of this.entries) {
      if (sequence < position.entry) continue;
      if (sequence > position.entry) return { item: firstItem, lost };
      if (position.item + 1 < itemCount) return { item: firstItem + position.item + 1, lost };
    }
    return { item: undefined, lost };
  }
}
