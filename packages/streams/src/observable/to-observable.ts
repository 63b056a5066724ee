import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { Observable } from 'rxjs';
import type { Subscriber, Subscription } from 'rxjs';
import { Fifo } from '../source/fifo.js';
import { SourceReader } from '../source/source-reader.js';

export interface ToObservableOptions<T> {
  /** Items that may wait for the subscriber, 1 … 10^6. */
  readonly buffer: number;
  /** What happens to an item for which the buffer has no room; `error` ends the Observable. */
  readonly overflow: 'error' | 'drop-oldest' | 'drop-newest';
  /**
   * How many more items the subscriber takes: each value, a positive integer, adds to its demand, which starts at 0.
   * Left out, an item counts as taken when the subscriber's `next` returns; nothing is ever buffered then, and operators
   * that work asynchronously queue items inside RxJS without limit.
   */
  readonly demand$?: Observable<number>;
  /** Told of each dropped item, with the number dropped so far, that one included. */
  readonly onDrop?: (item: T, droppedItems: number) => void;
}

/** The subscriber fell behind by more than the buffer, under `overflow: 'error'`. */
export class BufferOverflowError extends Error {
  override readonly name = 'BufferOverflowError';

  constructor(readonly bufferItems: number) {
    super(
      `the subscriber is more than ${bufferItems} items behind; give it a larger buffer, or read the source with consume`,
    );
  }
}

/**
 * The source as an Observable. An Observable cannot be made to wait, so the source is read as fast as it gives, and
 * buffer and overflow policy must be named; who can wait should use `consume`.
 *
 * Each subscription iterates the source anew, which job results refuse the second time. Unsubscribing closes the source
 * once. The source's end or error comes after the items that wait.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for a bad buffer or overflow policy.
 */
export function toObservable<T>(source: AsyncIterable<T>, options: ToObservableOptions<T>): Observable<T> {
  const { buffer, overflow } = options;
  if (!Number.isInteger(buffer) || buffer < 1 || buffer > 1e6) {
    throw GpuBridgeError.invalidArgument('options.buffer', buffer, 'an integer of 1..10^6');
  }
  if (!['error', 'drop-oldest', 'drop-newest'].includes(overflow)) {
    throw GpuBridgeError.invalidArgument('options.overflow', overflow, 'error, drop-oldest or drop-newest');
  }
  return new Observable((subscriber) => {
    const feed = new Feed(source, subscriber, options);
    feed.start();
    return () => feed.stop();
  });
}

class Feed<T> {
  private readonly reader: SourceReader<T>;
  private readonly waiting = new Fifo<T>();
  private demand: number;
  private demandSubscription: Subscription | undefined;
  private droppedItems = 0;
  private emitting = false;
  private sourceEnd: { readonly failure: { readonly error: unknown } | undefined } | undefined;

  constructor(
    source: AsyncIterable<T>,
    private readonly subscriber: Subscriber<T>,
    private readonly options: ToObservableOptions<T>,
  ) {
    this.reader = new SourceReader(source);
    this.demand = options.demand$ === undefined ? Infinity : 0;
  }

  start(): void {
    this.demandSubscription = this.options.demand$?.subscribe({
      next: (items) => this.addDemand(items),
      error: (error: unknown) => this.subscriber.error(error),
    });
    void this.read();
  }

  stop(): void {
    this.demandSubscription?.unsubscribe();
    this.waiting.clear();
    void this.reader.close().catch(() => undefined); // nobody listens any more
  }

  private async read(): Promise<void> {
    try {
      while (!this.subscriber.closed) {
        const step = await this.reader.next();
        if (this.subscriber.closed) return;
        if (step.done === true) {
          this.sourceEnd = { failure: undefined };
          break;
        }
        this.accept(step.value);
      }
    } catch (error) {
      this.sourceEnd = { failure: { error } };
    }
    this.emit();
  }

  private accept(item: T): void {
    const { buffer, overflow } = this.options;
    if (this.waiting.length < buffer) {
      this.waiting.push(item);
      this.emit();
    } else if (overflow === 'error') {
      this.subscriber.error(new BufferOverflowError(buffer));
    } else if (overflow === 'drop-newest') {
      this.drop(item);
    } else {
      const oldest = this.waiting.shift();
      this.waiting.push(item);
      this.drop(oldest);
    }
  }

  private drop(item: T): void {
    this.options.onDrop?.(item, ++this.droppedItems);
  }

  private addDemand(items: number): void {
    if (!Number.isInteger(items) || items < 1) {
      this.subscriber.error(GpuBridgeError.invalidArgument('demand$', items, 'an integer of at least 1'));
      return;
    }
    this.demand += items;
    this.emit();
  }

  /** Emits what is demanded. A subscriber that asks for more while it is served is served by the loop in progress. */
  private emit(): void {
    if (this.emitting) return;
    this.emitting = true;
    while (this.demand > 0 && this.waiting.length > 0 && !this.subscriber.closed) {
      this.demand--;
      this.subscriber.next(this.waiting.shift());
    }
    this.emitting = false;
    if (this.sourceEnd === undefined || this.waiting.length > 0) return;
    const { failure } = this.sourceEnd;
    if (failure === undefined) this.subscriber.complete();
    else this.subscriber.error(failure.error);
  }
}
