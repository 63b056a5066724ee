import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { GrainId } from '@gpu-bridge/abstractions';

/** `what` in the details of errors that end a call. */
export function describeCall({ type, key }: GrainId, method: string): string {
  return `call ${type}/${key}.${method}`;
}

/** @param reason - of the signal that aborted. */
export function cancelled(what: string, reason: unknown): GpuBridgeError<'CANCELLED'> {
  return new GpuBridgeError('CANCELLED', { what }, `${what} was cancelled`, { cause: reason });
}

export function deadlineExceeded(what: string, deadlineNs: bigint): GpuBridgeError<'DEADLINE_EXCEEDED'> {
  return new GpuBridgeError('DEADLINE_EXCEEDED', { what, deadlineNs }, `the deadline of ${what} passed`);
}

export function grainBusy({ type, key }: GrainId, waitingCalls: number): GpuBridgeError<'GRAIN_BUSY'> {
  const grain = `${type}/${key}`;
  return new GpuBridgeError(
    'GRAIN_BUSY',
    { grain, waitingCalls, retryAfterNs: RETRY_AFTER_NS },
    `${waitingCalls} calls wait for grain ${grain}`,
  );
}

/** The silo does not time turns, so this is no estimate: long enough to let a full queue move, short enough to poll. */
const RETRY_AFTER_NS = 1_000_000n;

export function leaseFenced({ type, key }: GrainId, fencingToken: number): GpuBridgeError<'LEASE_FENCED'> {
  const what = `grain ${type}/${key}`;
  return new GpuBridgeError('LEASE_FENCED', { what, fencingToken }, `this silo has lost ${what}`);
}

/** What somebody threw, whatever it is, as an async function would have passed it on. */
export async function rejected(error: unknown): Promise<never> {
  throw error;
}
