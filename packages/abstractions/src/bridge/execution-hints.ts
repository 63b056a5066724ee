import { Mode } from '@gpu-bridge/protocol';
import { GpuBridgeError } from '../errors/gpu-bridge-error.js';

export const DEVICE_TYPES = ['gpu', 'cpu', 'accelerator'] as const;
/** Kind of hardware, apart from the backend that drives it: PoCL is OpenCL on a `cpu`. */
export type DeviceType = (typeof DEVICE_TYPES)[number];

export const EXECUTION_MODES = ['resident', 'leased', 'launched', 'graph'] as const;
/** Who consumes the ring; see docs/DESIGN.md "Execution modes". */
export type ExecutionMode = (typeof EXECUTION_MODES)[number];
/** How entries and completions of a ring name the modes. */
export const MODE_NUMBERS: Readonly<Record<ExecutionMode, Mode>> = {
  resident: Mode.RESIDENT,
  leased: Mode.LEASED,
  launched: Mode.LAUNCHED,
  graph: Mode.GRAPH,
};

export const PRIORITIES = ['high', 'normal', 'low'] as const;
/** Lane within a tenant: a higher lane is always taken first; lanes never reorder one tenant against another. */
export type Priority = (typeof PRIORITIES)[number];

/** What a caller may say about one submission. All fields are optional; unknown fields are refused. */
export interface GpuExecutionHints {
  /**
   * Device id such as `cpu:0`; refused with `DEVICE_NOT_FOUND` when no such device is open. While it is quarantined another
   * one does the job, and its result says `fallback: true`.
   */
  readonly preferredDevice?: string;
  /** Wanted kind of device. Without one of that kind the job runs on the CPU and its result says `fallback: true`. */
  readonly deviceType?: DeviceType;
  /** Default `normal`. */
  readonly priority?: Priority;
  /** Largest number of items in one ring slot, 1 … 2^24; default: chosen from the measured service time. */
  readonly maxMicroBatch?: number;
  /** Preferred mode; the result says which one ran. Default `auto`. */
  readonly executionMode?: ExecutionMode | 'auto';
  /**
   * Absolute, ns on the injected clock; on the default one, `BigInt(Math.round(performance.now() * 1e6))` is now. When it
   * passes, the job fails with `DEADLINE_EXCEEDED`, also while running.
   */
  readonly deadlineNs?: bigint;
  /** Whose queue and limits apply, 1 … 64 characters; default `default`. */
  readonly tenant?: string;
  /** Version of the input snapshot, copied to the result. */
  readonly epoch?: string;
  /** W3C trace context of the caller's span, whose child the job's span is; 1 … 256 characters. What is none is ignored. */
  readonly traceparent?: string;
}

const FIELDS = new Set<string>([
  'preferredDevice',
  'deviceType',
  'priority',
  'maxMicroBatch',
  'executionMode',
  'deadlineNs',
  'tenant',
  'epoch',
  'traceparent',
] satisfies (keyof GpuExecutionHints)[]);

/** @throws GpuBridgeError `INVALID_ARGUMENT` naming the field, the value and what was allowed. */
export function checkHints(hints: GpuExecutionHints): void {
  if (typeof hints !== 'object' || hints === null || Array.isArray(hints))
    throw GpuBridgeError.invalidArgument('hints', hints, 'an object');
  for (const field in hints) {
    if (!FIELDS.has(field))
      throw GpuBridgeError.invalidArgument(`hints.${field}`, field, `one of ${[...FIELDS].join(', ')}`);
  }
  const {
    preferredDevice,
    deviceType,
    priority,
    maxMicroBatch,
    executionMode,
    deadlineNs,
    tenant,
    epoch,
    traceparent,
  } = hints;
  oneOf('deviceType', deviceType, DEVICE_TYPES);
  oneOf('priority', priority, PRIORITIES);
  oneOf('executionMode', executionMode, [...EXECUTION_MODES, 'auto']);
  text('preferredDevice', preferredDevice);
  text('tenant', tenant);
  text('epoch', epoch);
  // What an unknown caller sent in a header is no reason to refuse a job: only the length is checked.
  text('traceparent', traceparent, 256);
  if (
    maxMicroBatch !== undefined &&
    !(Number.isInteger(maxMicroBatch) && maxMicroBatch >= 1 && maxMicroBatch <= 2 ** 24)
  ) {
    throw GpuBridgeError.invalidArgument('hints.maxMicroBatch', maxMicroBatch, 'an integer of 1..2^24');
  }
  if (deadlineNs !== undefined && !(typeof deadlineNs === 'bigint' && deadlineNs >= 0n && deadlineNs < 2n ** 64n)) {
    throw GpuBridgeError.invalidArgument('hints.deadlineNs', deadlineNs, 'a bigint of clock nanoseconds, 0..2^64-1');
  }
}

function oneOf(field: string, value: unknown, allowed: readonly string[]): void {
  if (value === undefined || (typeof value === 'string' && allowed.includes(value))) return;
  throw GpuBridgeError.invalidArgument(`hints.${field}`, value, `one of ${allowed.join(', ')}`);
}

function text(field: string, value: unknown, longest = 64): void {
  if (value === undefined || (typeof value === 'string' && value.length >= 1 && value.length <= longest)) return;
  throw GpuBridgeError.invalidArgument(`hints.${field}`, value, `a string of 1..${longest} characters`);
}
