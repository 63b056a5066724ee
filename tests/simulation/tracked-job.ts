import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Allocation, GpuKernel, GpuResult, JobState, KernelHandle } from '@gpu-bridge/abstractions';
import assert from 'node:assert/strict';
import type { JobRequest } from './job-request.js';
import type { SimulatedJob } from './sim-bridge.js';

type Columns = Record<string, unknown>;
export type SimKernel = GpuKernel<Columns, Columns>;

/** Readers that keep what they have for a while, until they are let go on. */
export class SlowReaders {
  private waiting: (() => void)[] = [];

  wait(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  goOn(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

/** What is drawn or made only once a job was admitted. */
export interface Admitted {
  readonly handle: KernelHandle<Columns>;
  readonly kernel: SimKernel;
  /** Device memory that it reads from. */
  readonly allocation: Allocation<unknown> | undefined;
  /** Where its reader waits before it asks for the next batch; undefined when it does not. */
  readonly slowReaders: SlowReaders | undefined;
}

/** A job of the simulation: what was asked, what was done to it, and what was seen of it. */
export class TrackedJob {
  readonly handle: KernelHandle<Columns>;
  allocation: Allocation<unknown> | undefined;
  wasCancelled = false;
  wasDisposed = false;
  /** Executors that died or hung while they ran this job alone, as a suspect. */
  aloneFaults = 0;
  /** Its state when it was first seen to have ended. */
  endedAs: JobState | undefined;
  result: GpuResult | undefined;
  /** How often it went to another device after its reader had got something. */
  movesWhileRead = 0;
  reader: Promise<void> | undefined;
  /** The items that its reader got. */
  readonly seen: unknown[] = [];
  readError: unknown;
  readAll = false;
  /** The broker that had it when it was last looked at. */
  private owner: unknown;

  constructor(
    readonly request: JobRequest,
    private readonly admitted: Admitted,
  ) {
    const { handle, allocation } = admitted;
    this.handle = handle;
    this.allocation = allocation;
    this.owner = this.inside.owner;
    void handle.result.then((result) => (this.result = result));
    if (request.reading === 'at once' || request.reading === 'first batch') this.read();
  }

  get isLive(): boolean {
    return this.endedAs === undefined;
  }

  /** In no batch yet, and not ended. */
  get isWaiting(): boolean {
    return this.isLive && this.inside.batch === undefined;
  }

  /** Looks at it after a step: it ends once, and goes to other devices before that. */
  observe(): void {
    const { state } = this.handle;
    if (!this.isLive) assert.equal(state, this.endedAs, 'a job ends once');
    else if (state !== 'queued' && state !== 'running') this.endedAs = state;
    const { owner } = this.inside;
    if (owner !== this.owner && this.seen.length > 0 && this.isLive) this.movesWhileRead++;
    this.owner = owner;
  }

  cancel(): void {
    if (this.isLive) this.wasCancelled = true;
    this.handle.cancel();
  }

  dispose(): void {
    if (this.reader !== undefined) return;
    if (this.isLive) this.wasCancelled = true;
    this.wasDisposed = true;
    this.handle.dispose();
  }

  /** Gives up the device memory that it reads from; refused while it is going to. */
  freeAllocation(): void {
    const { state } = this.handle;
    try {
      this.allocation?.dispose();
    } catch (error) {
      assert.ok(GpuBridgeError.is(error, 'INVALID_ARGUMENT'), String(error));
      return;
    }
    assert.ok(state !== 'queued' && state !== 'running', 'memory was freed that a job was going to read');
    this.allocation = undefined;
  }

  /** A reader that was to come later comes. */
  readLater(): void {
    if (this.request.reading === 'later') this.read();
  }

  private read(): void {
    if (this.reader === undefined && !this.wasDisposed) this.reader = this.readBatches();
  }

  private async readBatches(): Promise<void> {
    const { plan, mode, reading } = this.request;
    const { kernel, slowReaders } = this.admitted;
    try {
      for await (const batch of kernel.readResults(this.handle, { mode })) {
        if (plan.launch === undefined)
          assert.equal(batch.firstItem, this.seen.length, 'batches come in order, without gaps');
        const items = plan.flatten(batch);
        this.seen.push(...items);
        if (slowReaders !== undefined)
          await this.keepBatch(slowReaders, () => assert.deepEqual(plan.flatten(batch), items));
        if (reading !== 'first batch') continue;
        if (this.isLive && this.handle.state === 'running') this.wasCancelled = true;
        return;
      }
      this.readAll = true;
    } catch (error) {
      this.readError = error;
    }
  }

  /** What a reader has stays as it is until it asks for more; what it was lent, unless its job was given up. */
  private async keepBatch(slowReaders: SlowReaders, check: () => void): Promise<void> {
    await slowReaders.wait();
    const { state } = this.handle;
    const isGivenUp = state === 'failed' || state === 'cancelled' || this.wasDisposed;
    if (this.request.mode === 'copy' || !isGivenUp) check();
  }

  private get inside(): SimulatedJob {
    return this.handle as unknown as SimulatedJob;
  }
}
