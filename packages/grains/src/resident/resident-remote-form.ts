import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Clock, KernelDefinition, RemoteForm } from '@gpu-bridge/abstractions';
import { outcomesOf } from '../batch/batch-execution.js';
import type { BatchExecution } from '../batch/batch-execution.js';
import { packHints, unpackHints } from '../batch/job-hints.js';
import { RemoteBatch } from '../batch/remote-batch.js';
import type { ComputeOptions } from './compute-call.js';

type Columns = Record<string, unknown>;
type ComputeCall = [kernel: KernelDefinition | string, args: Columns, options?: ComputeOptions, signal?: AbortSignal];

/**
 * How `compute` reaches another silo: the kernel by its name, a deadline as the time that is left. A job that is made anew
 * because its silo died computes on the epoch that the first one did, or its reader would get some of each.
 */
export const COMPUTE_FORM: RemoteForm<ComputeCall, BatchExecution<Columns>> = {
  packArguments: ([kernel, args, options, signal], clock) => [
    typeof kernel === 'string' ? kernel : kernel.name,
    args,
    packOptions(options, clock),
    signal,
  ],
  unpackArguments: ([kernel, args, options, signal], clock) => {
    if (typeof kernel !== 'string') throw GpuBridgeError.invalidArgument('kernel', kernel, 'the name of a kernel');
    if (signal !== undefined && !(signal instanceof AbortSignal))
      throw GpuBridgeError.invalidArgument('signal', signal, 'an AbortSignal');
    // The rest is checked by the grain and its kernel, as that of local callers is.
    return [kernel, args as Columns, unpackOptions(options, clock), signal];
  },
  toStream: outcomesOf,
  fromStream: (values, remote) => RemoteBatch.open(values, remote, atEpoch),
};

function atEpoch([kernel, args, options, signal]: readonly unknown[], epoch: string | undefined): unknown[] {
  return [kernel, args, { ...(options as ComputeOptions | undefined), epoch }, signal];
}

function packOptions(options: ComputeOptions | undefined, clock: Clock): unknown {
  if (typeof options?.hints !== 'object') return options;
  return { ...options, hints: packHints(options.hints, clock) };
}

function unpackOptions(packed: unknown, clock: Clock): ComputeOptions | undefined {
  const options = packed as ComputeOptions | undefined;
  if (typeof options !== 'object' || options === null || options.hints === undefined) return options;
  const hints = unpackHints(options.hints, clock);
  return { ...options, ...(hints !== undefined && { hints }) };
}
