import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Clock, GpuExecutionHints, RequestContext } from '@gpu-bridge/abstractions';

type Hints = GpuExecutionHints | undefined;

/** A job is its request's tenant's and part of its trace, unless the hints say otherwise. */
export function requestHints(hints: Hints, { tenant, traceparent }: RequestContext): Hints {
  if (tenant === undefined && traceparent === undefined) return hints;
  if (hints !== undefined && typeof hints !== 'object') return hints;
  return {
    ...hints,
    ...(tenant === undefined || hints?.tenant !== undefined ? {} : { tenant }),
    ...(traceparent === undefined || hints?.traceparent !== undefined ? {} : { traceparent }),
  };
}

/** `[hints without the deadline, ns left]`; hints that are no object stay as they are. */
export function packHints(hints: Hints, clock: Clock): unknown {
  if (typeof hints !== 'object' || hints === null || Array.isArray(hints)) return hints;
  if (typeof hints.deadlineNs !== 'bigint') return [hints, undefined];
  const { deadlineNs, ...rest } = hints;
  return [rest, deadlineNs - clock.nowNs()];
}

/** @throws GpuBridgeError `INVALID_ARGUMENT` for what {@link packHints} never makes. */
export function unpackHints(packed: unknown, clock: Clock): Hints {
  if (!Array.isArray(packed)) return packed as Hints;
  const [rest, leftNs] = packed as unknown[];
  if (typeof rest !== 'object' || rest === null || ('deadlineNs' in rest && typeof rest.deadlineNs === 'bigint'))
    throw GpuBridgeError.invalidArgument('hints', rest, 'an object whose deadline is packed');
  if (leftNs === undefined) return rest;
  if (typeof leftNs !== 'bigint' || leftNs >= 2n ** 63n)
    throw GpuBridgeError.invalidArgument('hints.deadlineNs', leftNs, 'a bigint of ns that are left');
  const deadlineNs = clock.nowNs() + leftNs;
  return { ...rest, deadlineNs: deadlineNs < 0n ? 0n : deadlineNs };
}
