import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { Credits, checkedCost } from '../source/credits.js';
import type { CostOf } from '../source/credits.js';
import { SourceReader } from '../source/source-reader.js';
import { Subscription } from './subscription.js';
import type { Detachment, FanOutSubscription } from './subscription.js';

export interface FanOutOptions<T, Names extends string> {
  /**
   * Who reads, by name, and how many credits each has: what was taken from the source for a subscriber, less what it
   * is done with. It is done with an item when it asks for the next one.
   */
  readonly subscribers: Readonly<Record<Names, { readonly credits: number }>>;
  /** `wait`: the source is asked for more only when every subscriber has credits, so the slowest governs. */
  readonly policy: 'wait';
  /** Credits one item takes, above 0; default 1. A dearer item than a subscriber has credits comes to it alone. */
  readonly cost?: CostOf<T>;
  /** Told of each subscriber that left before the end. */
  readonly onDetach?: (detachment: Detachment<Names>) => void;
  /** Ends every subscription with the signal's reason and closes the source. */
  readonly signal?: AbortSignal;
}

export interface FanOut<T, Names extends string> {
  readonly subscriptions: Readonly<Record<Names, FanOutSubscription<T>>>;
  /** Subscribers that left before the end. */
  readonly detachedSubscribers: number;
}

/**
 * Hands every item of one source to several subscribers, each in the source's order. Reading starts when the first
 * subscriber asks. A subscriber that leaves is dropped, counted and reported, and the rest go on; when all have left,
 * the source is closed. The source's end or error reaches each subscriber after the items before it.
 *
 * A subscriber that never asks holds everyone up as soon as its credits are used: `detach` it.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for no subscribers or bad credits.
 */
export function fanOut<T, Names extends string>(
  source: AsyncIterable<T>,
  options: FanOutOptions<T, Names>,
): FanOut<T, Names> {
  return new Hub(source, options);
}

class Hub<T, Names extends string> implements FanOut<T, Names> {
  readonly subscriptions: Readonly<Record<Names, FanOutSubscription<T>>>;
  detachedSubscribers = 0;

  private readonly reader: SourceReader<T>;
  private readonly attached = new Set<Subscription<T>>();
  private readonly costOf: CostOf<T>;
  /** Taken from the source, and waiting until every subscriber has credits for it. */
  private held: { readonly item: T; readonly cost: number } | undefined;
  private asked = false;
  private reading = false;
  private ended = false;

  constructor(
    source: AsyncIterable<T>,
    private readonly options: FanOutOptions<T, Names>,
  ) {
    const { subscribers, policy, signal } = options;
    if ((policy as string) !== 'wait') throw GpuBridgeError.invalidArgument('options.policy', policy, 'wait');
    this.costOf = options.cost ?? (() => 1);
    const names = Object.keys(subscribers) as Names[];
    if (names.length === 0)
      throw GpuBridgeError.invalidArgument('options.subscribers', subscribers, 'at least one subscriber');
    const subscriptions = {} as Record<Names, FanOutSubscription<T>>;
    for (const name of names) subscriptions[name] = this.attach(name);
    this.subscriptions = subscriptions;
    this.reader = new SourceReader(source);
    if (signal?.aborted === true) this.abort();
    else signal?.addEventListener('abort', this.abort, { once: true });
  }

  private attach(name: Names): Subscription<T> {
    const credits = new Credits(`options.subscribers.${name}.credits`, this.options.subscribers[name].credits);
    const subscription = new Subscription<T>(credits, {
      asks: () => {
        this.asked = true;
        this.advance();
      },
      leaves: (cause, droppedItems) => {
        if (!this.attached.delete(subscription)) return undefined;
        this.detachedSubscribers++;
        const closed = this.attached.size === 0 ? this.close() : undefined;
        this.advance();
        this.options.onDetach?.({ name, cause, deliveredItems: subscription.deliveredItems, droppedItems });
        return closed;
      },
    });
    this.attached.add(subscription);
    return subscription;
  }

  /** Does what is possible now: hands out the held item, asks for the next. */
  private advance(): void {
    if (this.ended || this.reading || !this.asked) return;
    const { held } = this;
    if (held !== undefined) {
      for (const { credits } of this.attached) if (!credits.fits(held.cost)) return;
      this.held = undefined;
      for (const subscription of this.attached) subscription.hand(held.item, held.cost);
    }
    for (const { credits } of this.attached) if (!credits.available) return;
    void this.read();
  }

  private async read(): Promise<void> {
    this.reading = true;
    try {
      const step = await this.reader.next();
      this.reading = false;
      if (this.ended) return;
      if (step.done === true) this.end(undefined);
      else {
        this.held = { item: step.value, cost: checkedCost(this.costOf, step.value) };
        this.advance();
      }
    } catch (error) {
      this.reading = false;
      void this.close().catch(() => undefined); // the error at hand came first
      this.end({ error });
    }
  }

  /** The source has ended; subscribers still read what they have. */
  private end(failure: { readonly error: unknown } | undefined): void {
    this.ended = true;
    this.options.signal?.removeEventListener('abort', this.abort);
    for (const subscription of this.attached) subscription.end(failure);
  }

  private readonly abort = (): void => {
    const error: unknown = this.options.signal?.reason;
    for (const subscription of this.attached) subscription.cut(error);
    this.attached.clear();
    void this.close().catch(() => undefined); // readers get the signal's reason
  };

  private close(): Promise<void> {
    this.ended = true;
    this.held = undefined;
    this.options.signal?.removeEventListener('abort', this.abort);
    return this.reader.close();
  }
}
