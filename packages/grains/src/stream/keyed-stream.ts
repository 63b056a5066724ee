import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Clock, GpuKernel, Logger, RequestContext } from '@gpu-bridge/abstractions';
import type { InputLog, LoggedPush } from './input-log.js';
import type { InputLayout, ItemColumns } from './item-columns.js';
import { IncarnationPositions, LoggedPositions } from './item-positions.js';
import { JobLine } from './job-line.js';
import { ProducerMemory } from './producer-memory.js';
import type { ProducerStamp, StreamReceipt } from './producer-memory.js';
import { PushQueue } from './push-queue.js';
import type { StreamDefinition } from './stream-definition.js';
import { StreamQueue } from './stream-queue.js';
import { Subscription } from './stream-subscription.js';
import type { SubscribeOptions } from './stream-subscription.js';
import { Subscribers } from './subscribers.js';

export interface KeyedStreamServices<TOut> {
  /** `TYPE/KEY`, for errors and logs. */
  readonly name: string;
  readonly definition: StreamDefinition;
  readonly layouts: readonly InputLayout[];
  readonly kernel: GpuKernel<Record<string, unknown>, TOut>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly fencingToken: number;
  /** Of a durable stream. */
  readonly log: InputLog | undefined;
  /** Its depth, or who reads it, has changed. */
  changed(): void;
}

/** What a stream has done since its activation. */
export interface StreamCounts {
  readonly acceptedItems: number;
  /** Items that every subscriber has taken, or that were dropped. */
  readonly releasedItems: number;
  /** Items dropped to make room. */
  readonly droppedItems: number;
  /** Items whose job failed. */
  readonly failedItems: number;
  /** Pushes that had been made before. */
  readonly duplicatePushes: number;
  readonly subscribers: number;
  readonly detachedSubscribers: number;
  readonly waitingPushes: number;
}

/**
 * One activation of a stream: accepts pushes while there is room, makes jobs of them, and hands their results out in the order
 * of acceptance. What it holds is bounded by `queueItems` and `retainItems`, whatever its subscribers do.
 */
export class KeyedStream<TOut> {
  private readonly queue: StreamQueue<TOut>;
  private readonly jobs: JobLine<TOut>;
  private readonly subscribers: Subscribers<TOut>;
  private readonly pushes = new PushQueue();
  private readonly producers = new ProducerMemory();
  private readonly logged: LoggedPositions | undefined;
  private readonly positions: IncarnationPositions | LoggedPositions;
  /** Items of pushes that are being logged. */
  private reservedItems = 0;
  private droppedItems = 0;
  private subscriptions = 0;
  /** Why it takes nothing more. */
  private closing: GpuBridgeError | undefined;
  private wakeDrain: (() => void) | undefined;
  private admitting = false;

  constructor(private readonly services: KeyedStreamServices<TOut>) {
    const { clock, definition, log, name, fencingToken } = services;
    const { retainItems, detachAfterMs } = definition;
    this.queue = new StreamQueue(retainItems);
    this.jobs = new JobLine({ ...services, queue: this.queue, ended: () => this.serve() });
    this.subscribers = new Subscribers(clock, { stream: name, detachAfterMs }, (_, missedItems) => {
      services.logger.warn('a subscriber was dropped', { stream: name, missedItems });
    });
    this.logged = log === undefined ? undefined : new LoggedPositions();
    this.positions = this.logged ?? new IncarnationPositions(fencingToken);
    log?.read((push) => this.take(push));
  }

  /** It holds something, or somebody reads it. */
  get isBusy(): boolean {
    return this.queue.owedItems + this.reservedItems + this.subscribers.size + this.pushes.length > 0;
  }

  get queuedItems(): number {
    return this.queue.owedItems + this.reservedItems;
  }

  get counts(): StreamCounts {
    return {
      acceptedItems: this.queue.accepted,
      releasedItems: this.queue.released,
      droppedItems: this.droppedItems,
      failedItems: this.jobs.failedItems,
      duplicatePushes: this.producers.duplicates,
      subscribers: this.subscribers.size,
      detachedSubscribers: this.subscribers.detached,
      waitingPushes: this.pushes.length,
    };
  }

  /** Accepts items, as soon as there is room. @param items - checked; borrowed until then. */
  push(items: ItemColumns, stamp: ProducerStamp | undefined, request: RequestContext): Promise<StreamReceipt> {
    const { queueItems } = this.services.definition;
    if (this.closing !== undefined) return Promise.reject(this.closing);
    if (items.itemCount > queueItems) {
      const expected = `at most the ${queueItems} items of the stream's queue`;
      return Promise.reject(GpuBridgeError.invalidArgument('items', `${items.itemCount} items`, expected));
    }
    const admit = (): Promise<StreamReceipt> => this.admit(items, stamp, request);
    return stamp === undefined ? admit() : this.producers.once(stamp, admit);
  }

  subscribe(options: SubscribeOptions, credits: number): Subscription<TOut> {
    if (this.closing !== undefined) throw this.closing;
    const { queue, positions } = this;
    const id = `${this.services.fencingToken}/${++this.subscriptions}`;
    const host = {
      queue,
      positions,
      handedOutOnce: this.services.definition.delivery === 'at-most-once',
      nowMs: () => this.services.clock.nowMs(),
      progressed: () => this.release(),
      left: (subscription: Subscription<TOut>) => {
        if (this.subscribers.remove(subscription)) this.release();
      },
    };
    const subscription = new Subscription(id, host, options, credits);
    this.subscribers.add(subscription);
    this.services.changed();
    return subscription;
  }

  /** A subscriber is done with the items below this one; one that is gone is told by its values. */
  acknowledge(subscriptionId: string, item: number): void {
    this.subscribers.find(subscriptionId)?.acknowledge(item);
  }

  /** Refuses what is pushed from now on, and what waits for room. What was accepted goes on; what is in a log goes on there. */
  close(reason: GpuBridgeError): void {
    if (this.closing !== undefined) return;
    this.closing = reason;
    this.pushes.refuseAll(reason);
    const { log } = this.services;
    if (log !== undefined) {
      // Now, though turns may run on: the next activation may be reading already, and would not get what still came here.
      void log.close();
      return;
    }
    this.jobs.flush();
    this.subscribers.endAfterAll(reason);
  }

  /**
   * Waits until what was accepted has been taken by everybody who reads the stream, for a bounded time; then tells them, and the
   * log of the silo, what they do not get.
   */
  async drain(): Promise<void> {
    const { clock, definition } = this.services;
    this.subscribers.heldUp();
    let late = false;
    const tooLate = (): void => {
      late = true;
      this.wakeDrain?.();
    };
    const timer = clock.schedule(tooLate, definition.drainTimeoutMs, { holdsProcess: true });
    while (!late && this.isDraining) await new Promise<void>((resolve) => (this.wakeDrain = resolve));
    timer.cancel();
    await this.end('the stream stopped before it was read');
  }

  /** Ends everything at once. */
  async end(reason: string): Promise<void> {
    const { name, log, logger } = this.services;
    const undelivered = this.queuedItems;
    this.closing ??= new GpuBridgeError('DRAINING', { what: name }, reason);
    this.pushes.refuseAll(this.closing);
    this.subscribers.freed();
    const { closing } = this;
    this.subscribers.fail(({ missedItems: droppedItems }) => {
      if (droppedItems === 0 || log !== undefined) return closing;
      const details = { stream: name, reason, droppedItems };
      return new GpuBridgeError('SUBSCRIBER_DETACHED', details, `${name} ends: ${reason}`);
    });
    this.jobs.close();
    if (undelivered > 0 && log === undefined)
      logger.error('a stream ended with items that nobody took: they are lost', { stream: name, undelivered, reason });
    await log?.close();
  }

  /** Somebody reads what is not read yet, or a job runs whose results somebody is to get. */
  private get isDraining(): boolean {
    return this.subscribers.size > 0 && (!this.subscribers.areDone || this.queuedItems > 0);
  }

  private admit(items: ItemColumns, stamp: ProducerStamp | undefined, request: RequestContext): Promise<StreamReceipt> {
    const { definition, name } = this.services;
    const { overflow, queueItems, waitingPushes } = definition;
    const { itemCount } = items;
    if (overflow === 'drop-oldest') {
      this.droppedItems += this.queue.dropTo(queueItems - itemCount);
      return this.accept(items, stamp);
    }
    if (this.pushes.length === 0 && this.hasRoom(itemCount)) return this.accept(items, stamp);
    this.subscribers.heldUp();
    if (overflow === 'wait' && this.pushes.length < waitingPushes)
      return this.pushes.wait(items, request, () => this.accept(items, stamp));
    const [limit, what] = overflow === 'wait' ? [waitingPushes, 'waiting pushes'] : [queueItems, 'items'];
    const details = { stream: name, maxEntries: limit };
    return Promise.reject(new GpuBridgeError('STREAM_FULL', details, `${name} has its ${limit} ${what}`));
  }

  private hasRoom(itemCount: number): boolean {
    return this.queuedItems + itemCount <= this.services.definition.queueItems;
  }

  private accept(items: ItemColumns, stamp: ProducerStamp | undefined): Promise<StreamReceipt> {
    const { log } = this.services;
    if (log === undefined || stamp === undefined) {
      this.jobs.append(items);
      this.services.changed();
      return Promise.resolve({ position: this.positions.positionOf(this.queue.accepted - 1) });
    }
    return this.acceptDurably(log, items, stamp);
  }

  /** Items take part once they come back from the log: its order is the stream's, also when this silo is not the only one to write. */
  private async acceptDurably(log: InputLog, items: ItemColumns, stamp: ProducerStamp): Promise<StreamReceipt> {
    const { itemCount } = items;
    this.reservedItems += itemCount;
    const entry = await log.append(items, stamp, () => this.unreserve(itemCount));
    return { position: { entry, item: itemCount - 1 } };
  }

  private unreserve(itemCount: number): void {
    this.reservedItems -= itemCount;
    this.release();
  }

  /** A push comes from the log. */
  private take({ items, sequence, isOwn }: LoggedPush): void {
    const { itemCount } = items;
    if (isOwn) this.reservedItems -= itemCount;
    this.logged!.add({ sequence, firstItem: this.queue.accepted, itemCount });
    this.jobs.append(items);
    this.serve();
    this.services.changed();
  }

  private serve(): void {
    this.subscribers.serve();
    this.release();
  }

  /** Lets go of what everybody has taken, and takes what waits for its place. */
  private release(): void {
    const { slowest } = this.subscribers;
    if (slowest !== undefined) this.queue.releaseTo(slowest);
    this.forgetLogged();
    this.admitWaiting();
    this.wakeDrain?.();
    this.services.changed();
  }

  private forgetLogged(): void {
    const gone = this.logged?.forgetBelow(this.queue.base) ?? [];
    for (const { sequence } of gone) this.services.log?.acknowledge(sequence);
  }

  private admitWaiting(): void {
    if (this.admitting || this.closing !== undefined) return;
    this.admitting = true;
    this.pushes.admit(
      (itemCount) => this.hasRoom(itemCount),
      (request) => this.refusalOf(request),
    );
    this.admitting = false;
    if (this.pushes.length === 0 && this.hasRoom(1)) this.subscribers.freed();
  }

  /** Its caller has been told already; what counts is that its items are not taken. */
  private refusalOf({ signal, deadlineNs }: RequestContext): Error | undefined {
    const what = `a push to ${this.services.name}`;
    if (signal?.aborted === true) return new GpuBridgeError('CANCELLED', { what }, `${what} was given up`);
    if (deadlineNs === undefined || this.services.clock.nowNs() < deadlineNs) return undefined;
    return new GpuBridgeError('DEADLINE_EXCEEDED', { what, deadlineNs }, `${what} waited for too long`);
  }
}
