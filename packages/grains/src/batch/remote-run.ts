import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { GpuResult, KernelId, RemoteSide } from '@gpu-bridge/abstractions';
import type { PackedAdmission, PackedResult } from './outcome-stream.js';

const OUTCOMES = new Set<unknown>(['completed', 'failed', 'cancelled'] satisfies GpuResult['outcome'][]);

/** The arguments of a call that is made anew, for a job that read this epoch. */
export type Repeat = (args: readonly unknown[], epoch: string | undefined) => unknown[];

/** One admission of a job on one silo, as its caller on another one sees it. */
export class RemoteRun {
  readonly jobId: string;

  private constructor(
    private readonly admission: PackedAdmission,
    private readonly values: AsyncIterator<unknown>,
    private readonly remote: RemoteSide,
    private readonly repeat: Repeat | undefined,
  ) {
    this.jobId = admission.jobId;
  }

  /**
   * @param values - of the call's `OutcomeStream`.
   * @param repeat - default: the same arguments.
   */
  static async begin(values: AsyncIterable<unknown>, remote: RemoteSide, repeat?: Repeat): Promise<RemoteRun> {
    const iterator = values[Symbol.asyncIterator]();
    const value: unknown = (await iterator.next()).value;
    if (isAdmission(value)) return new RemoteRun(value, iterator, remote, repeat);
    await iterator.return?.();
    throw malformed('admission');
  }

  get siloId(): string {
    return this.remote.siloId;
  }

  /** How the job ended; rejects when its silo is gone. Called once. */
  async outcome(): Promise<GpuResult> {
    const value: unknown = (await this.values.next()).value;
    if (!isResult(value)) throw malformed('result');
    const { hasError, ...result } = value;
    if (!hasError) {
      await this.values.next(); // its end, so that the call is over
      return result;
    }
    const error: unknown = await this.values.next().catch((thrown: unknown) => thrown);
    return { ...result, error: GpuBridgeError.is(error) ? error : malformed('error') };
  }

  async results(): Promise<AsyncIterator<unknown>> {
    const values = await this.remote.call('readRemote', [this.jobId]);
    if (typeof values === 'object' && values !== null && Symbol.asyncIterator in values)
      return (values as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    throw malformed('stream of results');
  }

  /** Not waited for: where the silo is gone, so is the job. */
  giveUp(how: 'cancel' | 'dispose'): void {
    this.remote.call('giveUpRemote', [this.jobId, how]).catch(() => undefined);
  }

  /** Listens no more; whatever waits for the outcome hears that there is none. */
  leave(): void {
    this.values.return?.().catch(() => undefined);
  }

  /** The job anew, elsewhere; undefined where that may not be. */
  async again(): Promise<RemoteRun | undefined> {
    const { repeat, admission } = this;
    const stream = await this.remote.again?.(repeat && ((args) => repeat(args, admission.epoch)));
    return stream && RemoteRun.begin(stream.values, stream.remote, repeat);
  }

  /** The end of a job of which nothing more will be heard: where it ran is not known, and left empty. */
  lost(cause: unknown, givenUp: boolean): GpuResult {
    const { jobId, siloId } = this;
    const known = GpuBridgeError.is(cause)
      ? cause
      : new GpuBridgeError('SILO_UNREACHABLE', { siloId, reason: String(cause) }, 'the job was lost', { cause });
    const error = givenUp
      ? new GpuBridgeError('CANCELLED', { what: `job ${jobId}`, jobId }, `job ${jobId} was given up`)
      : known;
    return {
      jobId,
      kernelId: this.admission.kernelId as KernelId,
      outcome: GpuBridgeError.is(error, 'CANCELLED') ? 'cancelled' : 'failed',
      error,
      itemCount: 0,
      tenant: '',
      epoch: this.admission.epoch,
      deviceId: '',
      deviceType: 'cpu',
      backend: '',
      executionMode: 'launched',
      fallback: false,
      attempts: 1,
      queuedNs: 0,
      totalNs: 0,
      serviceNs: 0,
    };
  }
}

function isAdmission(value: unknown): value is PackedAdmission {
  const { jobId, kernelId, epoch } = (value ?? {}) as Partial<Record<keyof PackedAdmission, unknown>>;
  const isEpoch = epoch === undefined || typeof epoch === 'string';
  return typeof jobId === 'string' && typeof kernelId === 'string' && isEpoch;
}

/** The rest of it is for the caller to show, and as the silo of this cluster wrote it. */
function isResult(value: unknown): value is PackedResult {
  const { outcome, hasError, itemCount } = (value ?? {}) as Partial<Record<keyof PackedResult, unknown>>;
  return OUTCOMES.has(outcome) && typeof hasError === 'boolean' && typeof itemCount === 'number';
}

function malformed(what: string): GpuBridgeError {
  return new GpuBridgeError('MESSAGE_INVALID', { reason: `no ${what}` }, `the ${what} of a remote job came malformed`);
}
