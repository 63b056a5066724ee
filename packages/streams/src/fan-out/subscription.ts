import type { Credits } from '../source/credits.js';
import { Fifo } from '../source/fifo.js';

/** How a subscriber left. */
export interface Detachment<Names extends string = string> {
  readonly name: Names;
  /** `left`: it stopped reading. `detached`: the owner called `detach`. */
  readonly cause: 'left' | 'detached';
  readonly deliveredItems: number;
  /** Items taken from the source for it that it will not see. */
  readonly droppedItems: number;
}

/** One subscriber's pass over the items: read once, by `for await` or `next`. */
export interface FanOutSubscription<T> extends AsyncIterableIterator<T, undefined, void> {
  /** Handed to the subscriber so far. */
  readonly deliveredItems: number;
  next(): Promise<IteratorResult<T, undefined>>;
  return(): Promise<IteratorResult<T, undefined>>;
  /** Ends this subscription from outside, so that the others need not wait for it; its reader gets `reason` thrown. */
  detach(reason: Error): void;
}

/** Who hears of a subscriber. */
export interface SubscriptionOwner {
  /** It asks for an item, and may have given credits back. */
  asks(): void;
  /** It takes no more. @returns what to wait for: the source's close, when it was the last. */
  leaves(cause: Detachment['cause'], droppedItems: number): Promise<void> | undefined;
}

interface Reader<T> {
  readonly resolve: (step: IteratorResult<T, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

/** What one subscriber has been handed and has not read, and the reads that wait. */
export class Subscription<T> implements FanOutSubscription<T> {
  deliveredItems = 0;

  private readonly buffer = new Fifo<{ readonly item: T; readonly cost: number }>();
  private readonly readers = new Fifo<Reader<T>>();
  /** Cost of the item the subscriber works on. */
  private inHand = 0;
  private ended = false;
  /** It has read its end, left, or was cut off. */
  private finished = false;
  /** Thrown once, to the read that meets it. */
  private failure: { readonly error: unknown } | undefined;

  constructor(
    readonly credits: Credits,
    private readonly owner: SubscriptionOwner,
  ) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    this.putBack();
    if (this.buffer.length > 0) {
      const step = { done: false as const, value: this.deliver() };
      this.owner.asks();
      return Promise.resolve(step);
    }
    if (this.ended) return this.last();
    return new Promise((resolve, reject) => {
      this.readers.push({ resolve, reject });
      this.owner.asks();
    });
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    await this.leave('left', undefined);
    return { done: true, value: undefined };
  }

  detach(reason: Error): void {
    // Its reader gets the reason; nobody here waits for the source's clean-up.
    this.leave('detached', { error: reason })?.catch(() => undefined);
  }

  hand(item: T, cost: number): void {
    if (this.ended) return;
    this.credits.take(cost);
    this.buffer.push({ item, cost });
    if (this.readers.length === 0) return;
    const { resolve } = this.readers.shift();
    resolve({ done: false, value: this.deliver() });
    if (this.readers.length > 0) this.putBack(); // the next read has already asked
  }

  /** No more items come; those handed are still read, then the failure. */
  end(failure: { readonly error: unknown } | undefined): void {
    this.ended = true;
    this.failure = failure;
    while (this.readers.length > 0) {
      const { resolve, reject } = this.readers.shift();
      this.last().then(resolve, reject);
    }
  }

  /** Ends now: items not read are dropped. */
  cut(error: unknown): void {
    this.finished = true;
    this.buffer.clear();
    this.end({ error });
  }

  private leave(
    cause: Detachment['cause'],
    failure: { readonly error: unknown } | undefined,
  ): Promise<void> | undefined {
    if (this.finished) return undefined;
    this.finished = true;
    const droppedItems = this.buffer.length;
    this.buffer.clear();
    this.end(failure); // replaces an error of the source that was not read yet
    return this.owner.leaves(cause, droppedItems);
  }

  private deliver(): T {
    const { item, cost } = this.buffer.shift();
    this.inHand = cost;
    this.deliveredItems++;
    return item;
  }

  private putBack(): void {
    if (this.inHand > 0) this.credits.giveBack(this.inHand);
    this.inHand = 0;
  }

  private async last(): Promise<IteratorResult<T, undefined>> {
    const { failure } = this;
    this.failure = undefined;
    this.finished = true;
    if (failure !== undefined) throw failure.error;
    return { done: true, value: undefined };
  }
}
