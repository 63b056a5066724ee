import type { DevicePressure } from '@gpu-bridge/abstractions';
import { Subject } from 'rxjs';
import type { Observable } from 'rxjs';
import type { StreamCounts } from './keyed-stream.js';

/** Demand on one key of a stream. */
export interface StreamPressure extends StreamCounts {
  /** `TYPE/KEY` */
  readonly stream: string;
  readonly siloId: string;
  /** Items accepted and not taken by everybody. */
  readonly queuedItems: number;
  /** Queued items over their limit, 0 … 1; above it only with what a log holds from before. */
  readonly queueUse: number;
  /** Executors that have work, over all of the device that has the least, 0 … 1. */
  readonly utilisation: number;
  /** Both in one, 0 … 1: the mean of the two, and never below the use of the queue. 1 when the queue is full. */
  readonly pressure: number;
}

export function combinedPressure(queueUse: number, devices: readonly DevicePressure[]) {
  const utilisation = devices.length === 0 ? 0 : Math.min(...devices.map((device) => device.utilisation));
  const use = Math.min(1, queueUse);
  return { utilisation, pressure: Math.max(use, (use + utilisation) / 2) };
}

/** By definition: its grains in this process tell of themselves there. */
const feeds = new WeakMap<object, PressureFeed>();

export function pressureFeedOf(definition: object): PressureFeed {
  let feed = feeds.get(definition);
  if (feed === undefined) feeds.set(definition, (feed = new PressureFeed()));
  return feed;
}

/** Tells of the grains of one stream definition, at most once per grain and event-loop turn. */
export class PressureFeed {
  private readonly subject = new Subject<StreamPressure>();
  readonly pressure$: Observable<StreamPressure> = this.subject.asObservable();
  private readonly changed = new Set<() => StreamPressure>();

  /** Costs nothing while nobody listens. */
  noteChange(read: () => StreamPressure): void {
    if (!this.subject.observed) return;
    if (this.changed.size === 0) setImmediate(() => this.tell());
    this.changed.add(read);
  }

  private tell(): void {
    const reads = [...this.changed];
    this.changed.clear();
    for (const read of reads) this.subject.next(read());
  }
}
