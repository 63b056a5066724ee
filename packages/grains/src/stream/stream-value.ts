import type { ColumnBatch, GpuBridgeError } from '@gpu-bridge/abstractions';
import { batchFrom } from '../batch/packed-batch.js';

/**
 * Where an item lies in its stream. Positions rise in the order of delivery, `entry` before `item`; nothing else follows from
 * their numbers. Those of a durable stream stay the same over activations.
 */
export interface StreamPosition {
  readonly entry: number;
  readonly item: number;
}

/** What every value of a stream says. */
interface StreamPart {
  /** Number of its first item, counted from the activation of the grain. */
  readonly firstItem: number;
  readonly itemCount: number;
  /** Of its last item: subscribe with it as `after` to go on behind it. */
  readonly position: StreamPosition;
}

/** Results of consecutive items. The columns are shared by the subscribers of a silo, and not to be changed. */
export interface StreamBatch<TOut> extends ColumnBatch<TOut>, StreamPart {
  readonly outcome: 'completed';
  readonly firstItem: number;
  readonly itemCount: number;
}

/** A job that failed: its items have no results. The stream goes on behind it. */
export interface StreamFailure extends StreamPart {
  readonly outcome: 'failed';
  /** Undefined where the job was never admitted. */
  readonly jobId: string | undefined;
  readonly error: GpuBridgeError;
}

/** Items that this subscriber does not get. */
export interface StreamGap extends StreamPart {
  readonly outcome: 'dropped';
  /**
   * `overflow`: dropped to make room. `released`: everybody else had them before this subscriber came (back). `restarted`: the
   * grain was activated anew and what it held is gone; how many items nobody knows, and `itemCount` is 0.
   */
  readonly reason: 'overflow' | 'released' | 'restarted';
}

/** One value of a stream. */
export type StreamValue<TOut> = StreamBatch<TOut> | StreamFailure | StreamGap;

/** A value before it is handed out: positions depend on the log, and are asked for then. */
export type UnplacedValue<TOut> = Omit<StreamBatch<TOut>, 'position'> | Omit<StreamFailure, 'position'>;

/** What is left of a value from this item on, which is one of its own. */
export function valueFrom<TOut>(value: UnplacedValue<TOut>, item: number): UnplacedValue<TOut> {
  const known = item - value.firstItem;
  if (known === 0) return value;
  if (value.outcome === 'failed') return { ...value, firstItem: item, itemCount: value.itemCount - known };
  return { ...batchFrom(value, item)!, outcome: 'completed' };
}

export function isAfter(position: StreamPosition, other: StreamPosition): boolean {
  return position.entry > other.entry || (position.entry === other.entry && position.item > other.item);
}
