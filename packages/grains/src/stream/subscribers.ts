import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Cancellable, Clock } from '@gpu-bridge/abstractions';
import type { Subscription } from './stream-subscription.js';

export interface SubscribersOptions {
  readonly stream: string;
  readonly detachAfterMs: number;
}

/** Who reads a stream, and who of them has held it up for too long. */
export class Subscribers<TOut> {
  detached = 0;
  private readonly all = new Map<string, Subscription<TOut>>();
  /** Since when somebody waits for the slowest of them, ms. */
  private heldUpSinceMs: number | undefined;
  private timer: Cancellable | undefined;

  /** @param onDetach - told after a subscriber was dropped. */
  constructor(
    private readonly clock: Clock,
    private readonly options: SubscribersOptions,
    private readonly onDetach: (subscription: Subscription<TOut>, missedItems: number) => void,
  ) {}

  get size(): number {
    return this.all.size;
  }

  add(subscription: Subscription<TOut>): void {
    this.all.set(subscription.id, subscription);
  }

  remove({ id }: Subscription<TOut>): boolean {
    return this.all.delete(id);
  }

  find(id: string): Subscription<TOut> | undefined {
    return this.all.get(id);
  }

  /** Items below it have been taken by everybody; undefined without a subscriber. */
  get slowest(): number | undefined {
    let slowest: number | undefined;
    for (const { acknowledged } of this.all.values()) slowest = Math.min(slowest ?? acknowledged, acknowledged);
    return slowest;
  }

  get areDone(): boolean {
    for (const subscription of this.all.values()) if (!subscription.isDone) return false;
    return true;
  }

  serve(): void {
    for (const subscription of [...this.all.values()]) subscription.serve();
  }

  endAfterAll(error: Error): void {
    for (const subscription of [...this.all.values()]) subscription.endAfterAll(error);
  }

  fail(errorOf: (subscription: Subscription<TOut>) => Error): void {
    for (const subscription of [...this.all.values()]) subscription.fail(errorOf(subscription));
  }

  /** Somebody waits for room, and every subscriber that takes nothing from now on is at fault. */
  heldUp(): void {
    if (this.heldUpSinceMs !== undefined) return;
    this.heldUpSinceMs = this.clock.nowMs();
    this.watch(this.options.detachAfterMs);
  }

  /** Nobody waits any more. */
  freed(): void {
    this.heldUpSinceMs = undefined;
    this.timer?.cancel();
    this.timer = undefined;
  }

  private watch(delayMs: number): void {
    this.timer = this.clock.schedule(() => this.look(), Math.max(1, delayMs));
  }

  /** Drops those that have taken nothing for too long, and looks again when the next could have. */
  private look(): void {
    const { heldUpSinceMs } = this;
    if (heldUpSinceMs === undefined) return;
    const { slowest } = this;
    const nowMs = this.clock.nowMs();
    let nextMs = this.options.detachAfterMs;
    for (const subscription of [...this.all.values()]) {
      if (subscription.acknowledged !== slowest || !subscription.holdsUp) continue;
      const leftMs = Math.max(subscription.progressMs, heldUpSinceMs) + this.options.detachAfterMs - nowMs;
      if (leftMs <= 0) this.detach(subscription);
      else nextMs = Math.min(nextMs, leftMs);
    }
    if (this.heldUpSinceMs !== undefined) this.watch(nextMs);
  }

  private detach(subscription: Subscription<TOut>): void {
    const { stream, detachAfterMs } = this.options;
    const droppedItems = subscription.missedItems;
    const reason = `it took nothing for ${detachAfterMs} ms while others waited for it`;
    this.detached++;
    subscription.fail(
      new GpuBridgeError(
        'SUBSCRIBER_DETACHED',
        { stream, reason, droppedItems },
        `a subscriber of ${stream} was dropped: ${reason}`,
      ),
    );
    this.onDetach(subscription, droppedItems);
  }
}
