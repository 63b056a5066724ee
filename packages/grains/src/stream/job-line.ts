import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Cancellable, Clock, ColumnBatch, GpuKernel, KernelHandle, Logger } from '@gpu-bridge/abstractions';
import { ItemBuffer } from './item-buffer.js';
import { kernelInputs } from './item-columns.js';
import type { InputLayout, ItemColumns } from './item-columns.js';
import type { StreamDefinition } from './stream-definition.js';
import type { StreamQueue, Unit } from './stream-queue.js';
import type { UnplacedValue } from './stream-value.js';

type Columns = Record<string, unknown>;

export interface JobLineServices<TOut> {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly kernel: GpuKernel<Columns, TOut>;
  readonly definition: StreamDefinition;
  readonly layouts: readonly InputLayout[];
  readonly queue: StreamQueue<TOut>;
  /** A unit has its results. */
  ended(unit: Unit<TOut>): void;
}

/** How long a job waits that a device refused for want of room, where the refusal does not say, ms. */
const RETRY_MS = 10;
const MOST_RETRY_MS = 1_000;

/** Makes jobs of a stream's items: by size and age, a bounded number at once. They may end in any order. */
export class JobLine<TOut> {
  running = 0;
  failedItems = 0;
  /** Units that have not been submitted, oldest first; only the last takes items. */
  private waiting: Unit<TOut>[] = [];
  private ageTimer: Cancellable | undefined;
  /** Nothing waits for its age any more. */
  private flushing = false;
  private closed = false;

  constructor(private readonly services: JobLineServices<TOut>) {}

  /** Copies items into the jobs to come. */
  append(items: ItemColumns): void {
    const { maxItems } = this.services.definition.microBatch;
    for (let from = 0; from < items.itemCount;) {
      const unit = this.open();
      const to = Math.min(items.itemCount, from + maxItems - unit.itemCount);
      unit.buffer!.append(items, from, to);
      unit.itemCount += to - from;
      this.services.queue.accepted += to - from;
      from = to;
    }
    this.pump();
  }

  /** Submits what waits, however little it is. */
  flush(): void {
    this.flushing = true;
    this.pump();
  }

  /** Submits nothing more, and gives up what runs. */
  close(): void {
    this.closed = true;
    this.ageTimer?.cancel();
    for (const unit of this.services.queue) unit.handle?.dispose();
  }

  private open(): Unit<TOut> {
    const { queue, definition, clock, layouts } = this.services;
    this.forgetDropped();
    const last = this.waiting.at(-1);
    if (last !== undefined && last.itemCount < definition.microBatch.maxItems) return last;
    const unit: Unit<TOut> = {
      firstItem: queue.accepted,
      itemCount: 0,
      buffer: new ItemBuffer(layouts),
      sinceMs: clock.nowMs(),
      handle: undefined,
      values: undefined,
      dropped: false,
    };
    queue.push(unit);
    this.waiting.push(unit);
    return unit;
  }

  private pump(): void {
    const { definition, clock } = this.services;
    const { maxItems, maxAgeMs } = definition.microBatch;
    this.ageTimer?.cancel();
    this.ageTimer = undefined;
    this.forgetDropped();
    while (!this.closed && this.running < definition.jobsInFlight) {
      const unit = this.waiting[0];
      if (unit === undefined) return;
      const leftMs = maxAgeMs - (clock.nowMs() - unit.sinceMs);
      if (unit.itemCount < maxItems && !this.flushing && leftMs > 0) {
        // Its items were accepted: a program that has nothing else to do waits for them.
        this.ageTimer = clock.schedule(() => this.pump(), leftMs, { holdsProcess: true });
        return;
      }
      this.waiting.shift();
      void this.run(unit);
    }
  }

  /** They are the oldest, and would pile up here while every job is busy. */
  private forgetDropped(): void {
    while (this.waiting[0]?.dropped === true) this.waiting.shift();
  }

  private async run(unit: Unit<TOut>): Promise<void> {
    this.running++;
    const values = await this.resultsOf(unit);
    this.running--;
    unit.buffer = undefined;
    unit.handle = undefined;
    unit.values = values;
    if (!unit.dropped && !this.closed) this.services.ended(unit);
    this.pump();
  }

  /** Never rejects: a job that fails is a value. */
  private async resultsOf(unit: Unit<TOut>): Promise<UnplacedValue<TOut>[]> {
    const { kernel, layouts, definition } = this.services;
    const { firstItem, itemCount } = unit;
    let jobId: string | undefined;
    try {
      const inputs = { ...definition.uniforms, ...kernelInputs(layouts, unit.buffer!.items()) };
      const handle = await this.submit(inputs, unit);
      jobId = handle.jobId;
      unit.handle = handle;
      if (unit.dropped || this.closed) handle.dispose();
      const values: UnplacedValue<TOut>[] = [];
      let received = 0;
      // At once: what waits on the device would expire under a slow subscriber, and keep the arena from others.
      for await (const batch of kernel.readResults(handle)) {
        values.push(completed(batch, firstItem + received));
        received += batch.itemCount;
      }
      if (received === itemCount) return values;
      throw new Error(`the job has results of ${received} items instead of ${itemCount}`);
    } catch (thrown) {
      if (!unit.dropped && !this.closed) this.failedItems += itemCount;
      return [{ outcome: 'failed', jobId, error: errorOf(thrown, definition.kernel.name), firstItem, itemCount }];
    }
  }

  /** Waits for room on the device as long as it takes: meanwhile the stream's queue fills, and pushes wait. */
  private async submit(inputs: Columns, unit: Unit<TOut>): Promise<KernelHandle<TOut>> {
    const { kernel, definition, clock } = this.services;
    for (let delayMs = RETRY_MS; ; delayMs = Math.min(delayMs * 2, MOST_RETRY_MS)) {
      try {
        return await kernel.submitBatch(inputs, definition.hints);
      } catch (error) {
        const waitNs = this.closed || unit.dropped ? undefined : waitNsFor(error, delayMs);
        if (waitNs === undefined) throw error;
        await clock.sleepNs(waitNs);
      }
    }
  }
}

function completed<TOut>(batch: ColumnBatch<TOut>, firstItem: number): UnplacedValue<TOut> {
  return { ...batch, outcome: 'completed', firstItem };
}

/** How long to wait after a refusal that passes; undefined after any other error. */
function waitNsFor(error: unknown, delayMs: number): bigint | undefined {
  const least = BigInt(delayMs) * 1_000_000n;
  if (GpuBridgeError.is(error, 'QUEUE_FULL') || GpuBridgeError.is(error, 'RATE_LIMITED')) {
    const { retryAfterNs } = error.details;
    return retryAfterNs > 1_000_000n ? retryAfterNs : 1_000_000n;
  }
  const passes = GpuBridgeError.is(error, 'QUOTA_EXCEEDED') && error.details.requestedBytes <= error.details.quotaBytes;
  return passes ? least : undefined;
}

function errorOf(thrown: unknown, kernel: string): GpuBridgeError {
  if (GpuBridgeError.is(thrown)) return thrown;
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return new GpuBridgeError('KERNEL_FAULT', { kernel, deviceId: '', reason }, reason, { cause: thrown });
}
