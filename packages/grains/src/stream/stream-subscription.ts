import { GpuBridgeError, checkFields, checkInteger } from '@gpu-bridge/abstractions';
import type { ItemPositions } from './item-positions.js';
import type { StreamQueue } from './stream-queue.js';
import type { StreamGap, StreamPosition, StreamValue } from './stream-value.js';

/** How somebody subscribes. */
export interface SubscribeOptions {
  /** Goes on behind this position, as far as what follows is kept. Default: the oldest item that somebody is still owed. */
  readonly after?: StreamPosition;
  /**
   * Items that may be on their way to a subscriber on another silo and not taken; 1 … 10^7, default 65,536. A value with more
   * comes alone. A subscriber on the stream's own silo has one value in its hands.
   */
  readonly credits?: number;
}

/** Values in order. Asking for the next one says that one is done with those before; ending the iteration unsubscribes. */
export interface StreamSubscription<TOut> extends AsyncIterableIterator<StreamValue<TOut>, undefined> {
  return(): Promise<IteratorResult<StreamValue<TOut>, undefined>>;
}

/** What a subscription needs of its stream. */
export interface SubscriptionHost<TOut> {
  readonly queue: StreamQueue<TOut>;
  readonly positions: ItemPositions;
  /** At most once: what a subscriber has been handed is nobody else's when it leaves, taken or not. */
  readonly handedOutOnce: boolean;
  nowMs(): number;
  /** It has taken something: others may be able to go on. */
  progressed(): void;
  left(subscription: Subscription<TOut>): void;
}

type Step<TOut> = IteratorResult<StreamValue<TOut>, undefined>;

interface Waiter<TOut> {
  readonly resolve: (step: Step<TOut>) => void;
  readonly reject: (error: unknown) => void;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** One subscriber of a stream, at its grain. */
export class Subscription<TOut> implements StreamSubscription<TOut> {
  /** Items below it are this subscriber's no more: it has taken them, or never will. */
  acknowledged: number;
  /** When it last took something, ms. */
  progressMs: number;
  /** The next item to be handed out. */
  private cursor: number;
  private readonly waiting: Waiter<TOut>[] = [];
  /** Where it wants to go on, as long as no item behind it is known. */
  private after: StreamPosition | undefined;
  /** A gap of unknown size, to be told before the next item. */
  private lost: 'released' | 'restarted' | undefined;
  /** Why items between the cursor and what is kept are gone. */
  private missing: 'overflow' | 'released' = 'overflow';
  private ending: { readonly atItem: number; readonly error: Error } | undefined;
  private finished = false;

  constructor(
    readonly id: string,
    private readonly host: SubscriptionHost<TOut>,
    options: SubscribeOptions,
    private readonly credits: number,
  ) {
    const { queue } = host;
    this.after = options.after;
    this.cursor = this.acknowledged = options.after === undefined ? queue.released : queue.base;
    this.progressMs = host.nowMs();
    this.resume();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Items accepted by now that it has not been handed. */
  get missedItems(): number {
    return this.host.queue.accepted - this.cursor;
  }

  /** Whether it has everything that was accepted. */
  get isDone(): boolean {
    return this.acknowledged >= this.host.queue.accepted;
  }

  /** Whether it could take something, or has something in its hands, and does not go on. */
  get holdsUp(): boolean {
    if (this.waiting.length === 0 && this.acknowledged >= this.cursor) return this.isReady;
    return this.acknowledged < this.cursor;
  }

  /** For a subscriber here: it is done with what it has been handed. */
  next(): Promise<Step<TOut>> {
    this.acknowledge(this.cursor);
    return this.pull();
  }

  /**
   * The next value, as soon as credits allow; what has been handed out stays the subscriber's until it is acknowledged. While the
   * stream goes nobody can acknowledge from another silo any more, and what the transport has taken counts as taken.
   */
  pull(): Promise<Step<TOut>> {
    if (this.ending !== undefined) this.acknowledge(this.cursor);
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.serve();
    });
  }

  /** The subscriber is done with the items below this one. */
  acknowledge(item: number): void {
    if (item <= this.acknowledged || this.finished) return;
    this.acknowledged = Math.min(item, this.cursor);
    this.progressMs = this.host.nowMs();
    this.host.progressed();
    this.serve();
  }

  /** Hands out what it can. */
  serve(): void {
    this.resume();
    while (this.waiting.length > 0) {
      if (this.finished) {
        const { resolve, reject } = this.waiting.shift()!;
        const { ending } = this;
        this.ending = undefined; // told once
        if (ending === undefined) resolve(DONE);
        else reject(ending.error);
        continue;
      }
      const value = this.take();
      if (value !== undefined) this.waiting.shift()!.resolve({ done: false, value });
      else if (this.ending !== undefined && this.acknowledged >= this.ending.atItem) this.finish();
      else return;
    }
  }

  /** Ends it with this error once it has taken what was accepted by now. */
  endAfterAll(error: Error): void {
    this.ending ??= { atItem: this.host.queue.accepted, error };
    if (this.waiting.length > 0) this.acknowledge(this.cursor);
    this.serve();
  }

  /** Ends it at once. */
  fail(error: Error): void {
    if (this.finished) return;
    this.ending = { atItem: 0, error };
    this.finish();
    this.serve();
  }

  return(): Promise<Step<TOut>> {
    this.ending = undefined;
    this.finish();
    this.serve();
    return Promise.resolve(DONE);
  }

  private get isReady(): boolean {
    const { queue } = this.host;
    return this.cursor < queue.base || queue.valueAt(this.cursor) !== undefined;
  }

  private finish(): void {
    if (this.finished) return;
    if (this.host.handedOutOnce) this.acknowledge(this.cursor);
    this.finished = true;
    this.host.left(this);
  }

  /** Passes over the items up to the position behind which it began. */
  private resume(): void {
    const { after } = this;
    if (after === undefined) return;
    const { queue, positions } = this.host;
    const { item = queue.accepted, lost } = positions.firstBehind(after);
    this.lost = lost;
    this.cursor = Math.min(item, queue.accepted);
    this.acknowledged = Math.max(this.acknowledged, this.cursor);
    if (item >= queue.accepted) return;
    this.after = undefined;
    if (item < queue.base) this.missing = 'released';
  }

  private take(): StreamValue<TOut> | undefined {
    const { queue, positions } = this.host;
    const { lost, cursor } = this;
    if (lost !== undefined) {
      this.lost = undefined;
      if (this.after === undefined) return this.gap(lost, cursor, 0);
    }
    if (cursor < queue.base) {
      const { missing } = this;
      this.missing = 'overflow';
      this.cursor = queue.base;
      return this.gap(missing, cursor, queue.base - cursor);
    }
    const value = queue.valueAt(this.cursor);
    if (value === undefined) return undefined;
    const outstanding = this.cursor - this.acknowledged;
    if (outstanding > 0 && outstanding + value.itemCount > this.credits) return undefined;
    this.cursor = value.firstItem + value.itemCount;
    return { ...value, position: positions.positionOf(this.cursor - 1) };
  }

  private gap(reason: StreamGap['reason'], firstItem: number, itemCount: number): StreamGap {
    const position = this.host.positions.positionOf(Math.max(0, firstItem + itemCount - 1));
    return { outcome: 'dropped', reason, firstItem, itemCount, position };
  }
}

/** @throws GpuBridgeError `INVALID_ARGUMENT` */
export function checkSubscribeOptions(options: SubscribeOptions): Required<Pick<SubscribeOptions, 'credits'>> {
  checkFields('options', options, ['after', 'credits']);
  const { after } = options;
  const credits = checkInteger('options.credits', options.credits ?? 65_536, 1, 1e7);
  if (after !== undefined && !(isWhole(after?.entry) && isWhole(after.item)))
    throw GpuBridgeError.invalidArgument('options.after', after, 'the position of a value of this stream');
  return { credits };
}

function isWhole(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
