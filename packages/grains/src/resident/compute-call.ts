import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  DatasetColumns,
  DatasetData,
  GpuExecutionHints,
  GridLaunch,
  KernelDescriptor,
  KernelInputs,
  KernelParams,
} from '@gpu-bridge/abstractions';
import { checkReadOptions } from '../batch/batch-execution.js';
import type { ReadOptions } from '../batch/batch-execution.js';

/** How a kernel computes on a dataset. */
export interface ComputeOptions<B extends string = string, K extends string = string> extends ReadOptions {
  /** Columns by the parameter that each goes to, beside those that go to the parameter of their own name. */
  readonly bind?: Readonly<Record<B, K>>;
  /** Of grid kernels: what is launched. */
  readonly launch?: GridLaunch;
  /** Default: the current one. Any that is pinned, resident or spilled where the grain is, or that its source has. */
  readonly epoch?: string;
  /** A wanted device, or type of device, is also where the epoch is opened. */
  readonly hints?: Omit<GpuExecutionHints, 'epoch'>;
}

/** A kernel's inputs without those that come from columns; what is given all the same goes over the column of its name. */
export type ComputeArgs<P extends KernelParams, C extends DatasetColumns, B extends string> = Omit<
  KernelInputs<P>,
  keyof C | B
> &
  Partial<KernelInputs<P>>;

const FIELDS: Readonly<Record<keyof ComputeOptions, true>> = {
  bind: true,
  launch: true,
  epoch: true,
  hints: true,
  mode: true,
};

/** @throws GpuBridgeError `INVALID_ARGUMENT` */
export function checkComputeOptions(options: ComputeOptions): void {
  checkReadOptions(options);
  for (const field of Object.keys(options)) {
    if (!Object.hasOwn(FIELDS, field))
      throw GpuBridgeError.invalidArgument(`options.${field}`, field, `one of ${Object.keys(FIELDS).join(', ')}`);
  }
  const { bind = {}, epoch, hints = {} } = options;
  if (!isRecord(bind)) throw GpuBridgeError.invalidArgument('options.bind', bind, 'columns by parameter');
  if (!isRecord(hints)) throw GpuBridgeError.invalidArgument('options.hints', hints, 'an object');
  if (epoch !== undefined && typeof epoch !== 'string')
    throw GpuBridgeError.invalidArgument('options.epoch', epoch, 'a string');
  if ('epoch' in hints)
    throw GpuBridgeError.invalidArgument('options.hints.epoch', hints['epoch'], 'left out: options.epoch chooses it');
}

/**
 * Which column goes to which parameter.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for names that are none, and when nothing of the dataset is used.
 */
export function columnsByParam(
  { name, params }: Pick<KernelDescriptor, 'name' | 'params'>,
  columns: DatasetColumns,
  args: Readonly<Record<string, unknown>>,
  bind: Readonly<Record<string, string>> = {},
): ReadonlyMap<string, string> {
  if (!isRecord(args)) throw GpuBridgeError.invalidArgument('args', args, 'arguments by parameter');
  const takers = Object.keys(params).filter((param) => ['input', 'inout'].includes(params[param]!.role));
  const bound = new Map<string, string>();
  for (const [param, column] of Object.entries(bind)) {
    if (!takers.includes(param))
      throw GpuBridgeError.invalidArgument(`options.bind.${param}`, param, `one of ${takers.join(', ')} of ${name}`);
    if (Object.hasOwn(args, param))
      throw GpuBridgeError.invalidArgument(`args.${param}`, param, `left out: it is bound to column ${column}`);
    if (!Object.hasOwn(columns, column))
      throw GpuBridgeError.invalidArgument(
        `options.bind.${param}`,
        column,
        `one of ${Object.keys(columns).join(', ')}`,
      );
    bound.set(param, column);
  }
  for (const param of takers) {
    const isGiven = Object.hasOwn(args, param) || bound.has(param);
    if (!isGiven && Object.hasOwn(columns, param)) bound.set(param, param);
  }
  if (bound.size > 0) return bound;
  const expected = `a kernel with a parameter named like one of ${Object.keys(columns).join(', ')}, or options.bind`;
  throw GpuBridgeError.invalidArgument('kernel', name, expected);
}

/** The kernel's inputs: what the caller gave, and the columns. */
export function inputsOf(
  args: Readonly<Record<string, unknown>>,
  bound: ReadonlyMap<string, string>,
  data: DatasetData,
): Record<string, unknown> {
  const inputs: Record<string, unknown> = { ...args };
  for (const [param, column] of bound) inputs[param] = data[column];
  return inputs;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}
