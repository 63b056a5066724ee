import { GpuBridgeError, checkFields, checkHints, checkInteger, checkPlainObject } from '@gpu-bridge/abstractions';
import type {
  ColumnBatch,
  GpuExecutionHints,
  InputParam,
  KernelDefinition,
  KernelInputs,
  KernelOutputs,
  KernelParams,
  UniformParam,
  ElementType,
  RaggedType,
  ScalarType,
  StructType,
} from '@gpu-bridge/abstractions';
import type { Observable } from 'rxjs';
import { pressureFeedOf } from './stream-pressure.js';
import type { StreamPressure } from './stream-pressure.js';

/** A stream of map-kernel results, as it is declared; each key of it is a grain. */
export interface StreamOptions<P extends KernelParams = KernelParams> {
  /** Map kernel that every item goes through. */
  readonly kernel: KernelDefinition<P>;
  /** Name of the stream's grain type, 1 … 40 of `a-z 0-9 - _`; the same in the whole cluster. Default: the kernel's, with `-` for what is not allowed. */
  readonly name?: string;
  /** Uniforms of the kernel; needed when it has any. They are the same for all items. */
  readonly uniforms?: StreamUniforms<P>;
  readonly microBatch?: MicroBatchOptions;
  /** Items accepted and not yet taken by every subscriber, at most; 1 … 10^7. Default 65,536. */
  readonly queueItems?: number;
  /** What happens to a push that finds no room. Default `wait`. */
  readonly overflow?: 'wait' | 'reject' | 'drop-oldest';
  /** `at-least-once`: every push names its producer and sequence, and is taken once however often it is made. Default `at-most-once`. */
  readonly delivery?: 'at-most-once' | 'at-least-once';
  /** Inputs are logged by the cluster before a push resolves, and outlive the silo. Needs `at-least-once`, and not `drop-oldest`. Default false. */
  readonly durable?: boolean;
  /** How long a subscriber may take nothing while it holds the others up, ms; then it is dropped. 1 … 2^31 - 1, default 30,000. */
  readonly detachAfterMs?: number;
  /** Items kept after every subscriber has taken them, so that one that comes back finds them; 0 … 10^7, default 0. */
  readonly retainItems?: number;
  /** Jobs of one key that run at once; 1 … 64, default 4. */
  readonly jobsInFlight?: number;
  /** Pushes of one key that may wait for room; 1 … 10^6, default 1,024. Beyond it they are refused with `STREAM_FULL`. */
  readonly waitingPushes?: number;
  /** How long a stop waits for subscribers before it reports what they have not taken, ms; 0 … 2^31 - 1, default 20,000. */
  readonly drainTimeoutMs?: number;
  /** Of the stream's jobs; a deadline is none of them. */
  readonly hints?: Omit<GpuExecutionHints, 'deadlineNs'>;
}

interface MicroBatchOptions {
  /** Items of one job at most; 1 … 2^24, default 4,096. */
  readonly maxItems?: number;
  /** How long an item waits for others at most, ms; 0 … 60,000, default 5. With 0 items wait only while all jobs are busy. */
  readonly maxAgeMs?: number;
}

/** A checked declaration with its defaults. */
export interface StreamDefinition<P extends KernelParams = KernelParams> {
  readonly kernel: KernelDefinition<P>;
  readonly name: string;
  readonly uniforms: Readonly<Record<string, number | bigint | boolean>>;
  readonly microBatch: Required<MicroBatchOptions>;
  readonly queueItems: number;
  readonly overflow: 'wait' | 'reject' | 'drop-oldest';
  readonly delivery: 'at-most-once' | 'at-least-once';
  readonly durable: boolean;
  readonly detachAfterMs: number;
  readonly retainItems: number;
  readonly jobsInFlight: number;
  readonly waitingPushes: number;
  readonly drainTimeoutMs: number;
  readonly hints: Omit<GpuExecutionHints, 'deadlineNs'>;
  /** Emits when the depth or the subscribers of one of its grains in this process change, at most once per grain and event-loop turn. */
  readonly pressure$: Observable<StreamPressure>;
}

/** What `pushMany` takes: one column per input, all with the same number of items. */
export type StreamColumns<P extends KernelParams> = {
  readonly [K in keyof P as P[K] extends InputParam ? K : never]: K extends keyof KernelInputs<P>
    ? KernelInputs<P>[K]
    : never;
};

/** The uniforms of a stream's kernel. */
export type StreamUniforms<P extends KernelParams> = {
  readonly [K in keyof P as P[K] extends UniformParam ? K : never]: K extends keyof KernelInputs<P>
    ? KernelInputs<P>[K]
    : never;
};

/** What `push` takes: one value, record or list of them per input. */
export type StreamItem<P extends KernelParams> = {
  readonly [K in keyof P as P[K] extends InputParam ? K : never]: P[K] extends InputParam<infer T> ? ItemOf<T> : never;
};
type ItemOf<T> = T extends RaggedType<infer E> ? readonly ElementOf<E>[] : T extends ElementType ? ElementOf<T> : never;
type ElementOf<T> =
  T extends StructType<infer F> ? { readonly [K in keyof F]: Scalar<F[K]> } : T extends ScalarType ? Scalar<T> : never;
type Scalar<T> =
  T extends ScalarType<infer D>
    ? D extends 'i64' | 'u64'
      ? bigint | number
      : D extends 'bool'
        ? boolean
        : number
    : never;

/** The results of a stream's kernel. */
export type StreamOutputs<P extends KernelParams> = ColumnBatch<KernelOutputs<P>>['columns'];

const FIELDS: readonly string[] = [
  'kernel',
  'name',
  'uniforms',
  'microBatch',
  'queueItems',
  'overflow',
  'delivery',
  'durable',
  'detachAfterMs',
  'retainItems',
  'jobsInFlight',
  'waitingPushes',
  'drainTimeoutMs',
  'hints',
] satisfies (keyof StreamOptions)[];
const MAX_ITEMS = 1e7;
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * Declares a stream.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for an option that is unknown, out of range, or does not go with another.
 */
export function defineStream<P extends KernelParams>(options: StreamOptions<P>): StreamDefinition<P> {
  checkPlainObject('options', options);
  checkFields('options', options, FIELDS);
  const {
    kernel,
    microBatch = {},
    overflow = 'wait',
    delivery = 'at-most-once',
    durable = false,
    hints = {},
  } = options;
  if (kernel?.kind !== 'map') throw GpuBridgeError.invalidArgument('options.kernel', kernel, 'a map kernel');
  const name = options.name ?? kernel.name.replaceAll(/[^a-z0-9_-]/g, '-').slice(0, 40);
  if (!/^[a-z0-9_-]{1,40}$/.test(name))
    throw GpuBridgeError.invalidArgument('options.name', name, '1 … 40 of a-z 0-9 - _');
  checkPlainObject('options.microBatch', microBatch);
  checkFields('options.microBatch', microBatch, ['maxItems', 'maxAgeMs']);
  oneOf('overflow', overflow, ['wait', 'reject', 'drop-oldest']);
  oneOf('delivery', delivery, ['at-most-once', 'at-least-once']);
  oneOf('durable', durable, [true, false]);
  if (durable && delivery !== 'at-least-once')
    throw GpuBridgeError.invalidArgument(
      'options.delivery',
      delivery,
      'at-least-once: what is logged is delivered again',
    );
  if (durable && overflow === 'drop-oldest')
    throw GpuBridgeError.invalidArgument('options.overflow', overflow, 'wait or reject: what is logged is not dropped');
  checkHints(hints);
  if ('deadlineNs' in hints) throw GpuBridgeError.invalidArgument('options.hints.deadlineNs', hints, 'left out');
  return {
    kernel,
    name,
    uniforms: checkedUniforms(kernel, options.uniforms),
    microBatch: {
      maxItems: checkInteger('options.microBatch.maxItems', microBatch.maxItems ?? 4_096, 1, 2 ** 24),
      maxAgeMs: checkInteger('options.microBatch.maxAgeMs', microBatch.maxAgeMs ?? 5, 0, 60_000),
    },
    queueItems: checkInteger('options.queueItems', options.queueItems ?? 65_536, 1, MAX_ITEMS),
    overflow,
    delivery,
    durable,
    detachAfterMs: checkInteger('options.detachAfterMs', options.detachAfterMs ?? 30_000, 1, MAX_DELAY_MS),
    retainItems: checkInteger('options.retainItems', options.retainItems ?? 0, 0, MAX_ITEMS),
    jobsInFlight: checkInteger('options.jobsInFlight', options.jobsInFlight ?? 4, 1, 64),
    waitingPushes: checkInteger('options.waitingPushes', options.waitingPushes ?? 1_024, 1, 1e6),
    drainTimeoutMs: checkInteger('options.drainTimeoutMs', options.drainTimeoutMs ?? 20_000, 0, MAX_DELAY_MS),
    hints,
    get pressure$() {
      return pressureFeedOf(this).pressure$;
    },
  };
}

/** Their values are the bridge's to check, with every job; that they are there is what a mistake here would hide. */
function checkedUniforms(
  { params }: KernelDefinition,
  uniforms: unknown = {},
): Readonly<Record<string, number | bigint | boolean>> {
  checkPlainObject('options.uniforms', uniforms);
  const names = Object.keys(params).filter((name) => params[name]!.role === 'uniform');
  checkFields('options.uniforms', uniforms as object, names);
  for (const name of names) {
    const value = (uniforms as Record<string, unknown>)[name];
    if (!['number', 'bigint', 'boolean'].includes(typeof value))
      throw GpuBridgeError.invalidArgument(`options.uniforms.${name}`, value, 'a scalar');
  }
  return uniforms as Readonly<Record<string, number | bigint | boolean>>;
}

function oneOf(field: string, value: unknown, allowed: readonly unknown[]): void {
  if (!allowed.includes(value))
    throw GpuBridgeError.invalidArgument(`options.${field}`, value, `one of ${allowed.join(', ')}`);
}
