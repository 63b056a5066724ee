import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ColumnBatch, GpuResult, RemoteSide } from '@gpu-bridge/abstractions';
import type { BatchExecution } from './batch-execution.js';
import { batchFrom, unpackBatch } from './packed-batch.js';
import { RemoteRun } from './remote-run.js';
import type { Repeat } from './remote-run.js';

/** How often a job begins anew because its silo died; more of that is no bad luck but the job's doing. */
const MOST_REPEATS = 3;

/**
 * A job on another silo's device. Its results stay there until they are read; how it ended comes by itself. When the silo
 * dies, the job runs anew elsewhere, under another id; a reader goes on behind the last item that it has, as it does within
 * a silo when a job moves to another device.
 */
export class RemoteBatch<TOut> implements BatchExecution<TOut> {
  readonly result: Promise<GpuResult>;

  private repeats = 0;
  private renewal: Promise<boolean> | undefined;
  private reader: RemoteReader<TOut> | undefined;
  private givenUp = false;
  /** `result` is settled, or about to be. */
  private hasEnded = false;

  private constructor(private run: RemoteRun) {
    this.result = this.follow();
  }

  static async open<TOut>(
    values: AsyncIterable<unknown>,
    remote: RemoteSide,
    repeat?: Repeat,
  ): Promise<RemoteBatch<TOut>> {
    return new RemoteBatch<TOut>(await RemoteRun.begin(values, remote, repeat));
  }

  get jobId(): string {
    return this.run.jobId;
  }

  get siloId(): string {
    return this.run.siloId;
  }

  get batches(): AsyncIterable<ColumnBatch<TOut>> {
    return { [Symbol.asyncIterator]: () => this.read() };
  }

  cancel(): void {
    this.givenUp = true;
    this.run.giveUp('cancel');
  }

  dispose(): void {
    this.givenUp = true;
    this.run.giveUp('dispose');
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private read(): AsyncIterator<ColumnBatch<TOut>> {
    if (this.reader !== undefined) {
      const { jobId } = this;
      throw new GpuBridgeError(
        'RESULT_CONSUMED',
        { jobId },
        `the results of job ${jobId} are read by somebody already`,
      );
    }
    this.reader = new RemoteReader<TOut>({
      current: () => this.run,
      renew: (failed, error) => this.renew(failed, error),
      result: this.result,
    });
    return this.reader;
  }

  /** Waits for the end of this run, or of one that took its place. */
  private async follow(): Promise<GpuResult> {
    for (;;) {
      const { run } = this;
      try {
        const result = await run.outcome();
        this.hasEnded = true;
        return result;
      } catch (error) {
        if (await this.renew(run, error)) continue;
        this.hasEnded = true;
        return run.lost(error, this.givenUp);
      }
    }
  }

  /** @returns whether another run is there for one that failed with this error. */
  private renew(failed: RemoteRun, error: unknown): Promise<boolean> {
    if (this.run !== failed) return Promise.resolve(true);
    if (this.renewal === undefined) {
      if (!this.mayRepeat(error)) return Promise.resolve(false);
      this.renewal = this.repeat(failed).finally(() => (this.renewal = undefined));
    }
    return this.renewal;
  }

  private mayRepeat(error: unknown): boolean {
    const siloIsGone = GpuBridgeError.is(error, 'OUTCOME_UNKNOWN') || GpuBridgeError.is(error, 'SILO_UNREACHABLE');
    return siloIsGone && !this.givenUp && this.repeats < MOST_REPEATS;
  }

  private async repeat(failed: RemoteRun): Promise<boolean> {
    this.repeats++;
    try {
      const run = await failed.again();
      if (run === undefined) return false;
      this.run = run;
      failed.leave();
      if (this.givenUp) run.giveUp('dispose');
      // It was told how the job ended, and repeats it for the results alone; the call must be heard to its end all the same.
      if (this.hasEnded) run.outcome().catch(() => undefined);
      return true;
    } catch {
      // The first failure says more: that the job was lost, not that there was no place for it a second time.
      return false;
    }
  }
}

/** The run that a reader reads from. */
interface ReadSource {
  current(): RemoteRun;
  renew(failed: RemoteRun, error: unknown): Promise<boolean>;
  readonly result: Promise<GpuResult>;
}

/** Asks for the batches when the first one is asked for, and for each only then: the transport's credits reach the device. */
class RemoteReader<TOut> implements AsyncIterator<ColumnBatch<TOut>> {
  /** Index, within the job, of the next item that the reader wants. */
  private nextItem = 0;
  private values: AsyncIterator<unknown> | undefined;
  private isOver = false;

  constructor(private readonly source: ReadSource) {}

  /** One call at a time, as `for await` makes them. */
  async next(): Promise<IteratorResult<ColumnBatch<TOut>>> {
    while (!this.isOver) {
      const run = this.source.current();
      try {
        this.values ??= await run.results();
        const step = await this.values.next();
        if (step.done === true) break;
        const batch = batchFrom(unpackBatch<TOut>(step.value), this.nextItem);
        if (batch === undefined) continue;
        this.nextItem = batch.firstItem + batch.itemCount;
        return { done: false, value: batch };
      } catch (error) {
        this.values = undefined;
        if (await this.source.renew(run, error)) continue;
        this.isOver = true;
        if (await this.isEmpty(error)) break;
        throw error;
      }
    }
    this.isOver = true;
    return { done: true, value: undefined };
  }

  /** The caller stopped early: nobody will read the rest. */
  return(): Promise<IteratorResult<ColumnBatch<TOut>>> {
    if (!this.isOver) {
      this.isOver = true;
      this.source.current().giveUp('dispose');
      this.values?.return?.().catch(() => undefined);
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  /**
   * Whether nothing is there because there was nothing to keep. The silo keeps a job that has ended for its results only.
   *
   * @throws GpuBridgeError that the job ended with, for which there are no results.
   */
  private async isEmpty(error: unknown): Promise<boolean> {
    if (!GpuBridgeError.is(error, 'RESULT_EXPIRED')) return false;
    const { error: jobError, itemCount } = await this.source.result;
    if (jobError !== undefined) throw jobError;
    return itemCount === 0;
  }
}
