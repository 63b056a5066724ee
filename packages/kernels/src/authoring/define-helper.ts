import { GpuBridgeError, isWide } from '@gpu-bridge/abstractions';
import type {
  ArrayArg,
  ColumnsArg,
  DType,
  HelperArgs,
  HelperBody,
  HelperDefinition,
  HelperResult,
  HelperUses,
  KernelConstants,
  ScalarType,
  StructType,
  TypedConstant,
} from '@gpu-bridge/abstractions';
import { rememberCallSite } from '../parse/call-site.js';
import { isIdentifier } from './validate-definition.js';

export interface HelperOptions<
  A extends HelperArgs,
  R extends HelperResult,
  U extends HelperUses,
  C extends KernelConstants,
> {
  readonly args: A;
  /** A scalar, or a struct for several results at once. */
  readonly returns?: R;
  readonly uses?: U;
  readonly constants?: C;
}

/**
 * Declares a device function that kernels and other helpers name in `uses` and call as `k.uses.NAME({ … })`. Without
 * `returns` it gives no value. `body` is parsed and compiled, never run.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for a name or an argument name that is not an identifier, or a result that is
 *   neither a scalar nor a struct.
 */
export function helper<
  const A extends HelperArgs,
  const R extends HelperResult = undefined,
  const U extends HelperUses = Record<never, never>,
  const C extends KernelConstants = Record<never, never>,
>(name: string, options: HelperOptions<A, R, U, C>, body: HelperBody<A, R, U, C>): HelperDefinition<A, R> {
  rememberCallSite(body, helper);
  if (typeof options?.args !== 'object' || options.args === null) {
    throw GpuBridgeError.invalidArgument('options', options, '{ args: { … } }');
  }
  const { args, uses = {}, constants = {} } = options;
  const returns: HelperResult = options.returns;
  for (const identifier of [name, ...[args, uses, constants].flatMap((group) => Object.keys(group))]) {
    if (!isIdentifier(identifier)) throw GpuBridgeError.invalidArgument('name', identifier, 'an identifier');
  }
  if (returns !== undefined && returns.kind !== 'scalar' && returns.kind !== 'struct')
    throw GpuBridgeError.invalidArgument('returns', returns, 'a scalar type such as f32, or struct({ … })');
  const expanded = Object.entries(args).flatMap(([arg, declared]) =>
    declared.kind === 'columns' ? Object.keys(declared.type.fields).map((field) => `${arg}_${field}`) : [arg],
  );
  const twice = expanded.find((arg, i) => expanded.indexOf(arg) !== i);
  if (twice !== undefined)
    throw GpuBridgeError.invalidArgument('args', twice, 'one name per argument; columns are called argument_field');
  if (typeof body !== 'function') throw GpuBridgeError.invalidArgument('body', body, 'a function');
  return Object.freeze({ kind: 'helper', name, args, returns: returns as R, uses, constants, body });
}

/** Array argument of a helper that the helper only reads. */
export function array<D extends DType>(type: ScalarType<D>): ArrayArg<D, false> {
  return { kind: 'array', dtype: type.dtype, writable: false };
}

/** Array argument of a helper that the helper may write. */
export function mutableArray<D extends DType>(type: ScalarType<D>): ArrayArg<D, true> {
  return { kind: 'array', dtype: type.dtype, writable: true };
}

/** Argument of a helper for all columns of a list or array of structs, which the helper only reads. */
export function columns<const T extends StructType>(type: T): ColumnsArg<T, false> {
  return { kind: 'columns', type, writable: false };
}

/** Argument of a helper for all columns of a list or array of structs, which the helper may write below its length. */
export function mutableColumns<const T extends StructType>(type: T): ColumnsArg<T, true> {
  return { kind: 'columns', type, writable: true };
}

/**
 * A typed constant for a kernel's `constants`.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for a value the type cannot hold exactly (floats are rounded).
 */
export function constant<D extends DType>(
  type: ScalarType<D>,
  value: D extends 'bool' ? boolean : D extends 'i64' | 'u64' ? bigint : number,
): TypedConstant<D> {
  return typedConstant('value', type.dtype, value);
}

/** @throws GpuBridgeError `INVALID_ARGUMENT` naming `field`. */
export function typedConstant<D extends DType>(
  field: string,
  dtype: D,
  value: number | bigint | boolean,
): TypedConstant<D> {
  if (!holds(dtype, value)) throw GpuBridgeError.invalidArgument(field, value, `a value of ${dtype}`);
  return { dtype, value: dtype === 'f32' ? Math.fround(value as number) : value };
}

/** Whether a literal of this value may stand for the dtype; floats take any number. */
export function holds(dtype: DType, value: number | bigint | boolean): boolean {
  if (dtype === 'bool') return typeof value === 'boolean';
  if (isWide(dtype))
    return (
      typeof value === 'bigint' && (dtype === 'i64' ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value)) === value
    );
  if (typeof value !== 'number') return false;
  if (dtype === 'i32') return (value | 0) === value;
  if (dtype === 'u32') return value >>> 0 === value;
  return true;
}
