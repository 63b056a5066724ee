import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  CallPlacement,
  Clock,
  DeviceType,
  GpuExecutionHints,
  GrainId,
  GridLaunch,
  RemoteForm,
} from '@gpu-bridge/abstractions';
import { outcomesOf } from './batch-execution.js';
import type { BatchExecution, ReadOptions } from './batch-execution.js';
import { packHints, unpackHints } from './job-hints.js';
import { RemoteBatch } from './remote-batch.js';

type Columns = Record<string, unknown>;
type Tail = [hints?: GpuExecutionHints, signal?: AbortSignal, options?: ReadOptions];

/**
 * How `execute` reaches another silo. Columns are plain data and cross as they are; a deadline crosses as the time that is left.
 * What a bridge would refuse crosses too, and is refused there, in the bridge's words.
 */
export const EXECUTE_FORM: RemoteForm<[Columns, ...Tail], BatchExecution<Columns>> = {
  packArguments: ([items, ...tail], clock) => [items, ...packTail(tail, clock)],
  unpackArguments: (packed, clock) => {
    const [items, ...tail] = packed;
    return [items as Columns, ...unpackTail(tail, clock)];
  },
  placement: ([, hints], target) => placementOf(hints, target),
  toStream: outcomesOf,
  fromStream: (values, remote) => RemoteBatch.open(values, remote),
};

/** How `executeGrid` does. */
export const EXECUTE_GRID_FORM: RemoteForm<[Columns, GridLaunch, ...Tail], BatchExecution<Columns>> = {
  packArguments: ([args, launch, ...tail], clock) => [args, launch, ...packTail(tail, clock)],
  unpackArguments: (packed, clock) => {
    const [args, launch, ...tail] = packed;
    return [args as Columns, launch as GridLaunch, ...unpackTail(tail, clock)];
  },
  placement: ([, , hints], target) => placementOf(hints, target),
  toStream: outcomesOf,
  fromStream: (values, remote) => RemoteBatch.open(values, remote),
};

function packTail([hints, signal, options]: Tail, clock: Clock): unknown[] {
  return [packHints(hints, clock), signal, options];
}

function unpackTail(packed: readonly unknown[], clock: Clock): Tail {
  const [hints, signal, options] = packed;
  if (packed.length > 3) throw GpuBridgeError.invalidArgument('args', packed.length, 'no more arguments than it takes');
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw GpuBridgeError.invalidArgument('signal', signal, 'an AbortSignal');
  // Options and hints are checked by the grain and its kernel, as those of local callers are.
  return [unpackHints(hints, clock), signal, options as ReadOptions | undefined];
}

/** The kernel must be loaded there; the hints say on what. */
function placementOf(hints: unknown, { key }: GrainId): CallPlacement {
  // The key is a kernel's name, or its id `name@hash`.
  const kernels = [key.split('@', 1)[0]!];
  const { deviceType, preferredDevice } = (hints ?? {}) as { deviceType?: DeviceType; preferredDevice?: string };
  return {
    kernels,
    ...(deviceType === undefined ? {} : { deviceType }),
    ...(preferredDevice === undefined ? {} : { device: preferredDevice }),
  };
}
