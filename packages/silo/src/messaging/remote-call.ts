import type { GrainId, RequestContext } from '@gpu-bridge/abstractions';

/** A call for a grain on another silo. */
export interface RemoteCall {
  readonly grain: GrainId;
  readonly method: string;
  /** Plain data, abort signals, and references of grains. */
  readonly args: readonly unknown[];
  readonly request: RequestContext;
  /** Of the grain's owner, as the caller knows it; 0: not known, or none. */
  readonly fencingToken: number;
  /** A director chose the silo for this very call, which counts against its limit of placed calls. */
  readonly placed: boolean;
}

/** Takes the calls of other silos. */
export interface CallReceiver {
  /**
   * @param call - `request.signal` is always there. It aborts when the caller dies; of a call that was made with a signal,
   *   in its request or among its arguments, also when that aborts: every signal among the arguments is the same one.
   * @param from - address of the caller.
   * @returns plain data, or an async iterable of it.
   * @throws CallRefused when nothing ran; else what the grain threw.
   */
  receive(call: RemoteCall, from: string): Promise<unknown>;
}
