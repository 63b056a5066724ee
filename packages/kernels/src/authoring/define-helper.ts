import { GpuBridgeError, isWide } from '@gpu-bridge/abstractions';
import type {
  ArrayArg,
  DType,
  HelperArgs,
  HelperBody,
  HelperDefinition,
  HelperUses,
  ScalarType,
  TypedConstant,
} from '@gpu-bridge/abstractions';
import { rememberCallSite } from '../parse/call-site.js';
import { isIdentifier } from './validate-definition.js';

/**
 * Declares a device function that kernels and other helpers name in `uses` and call as `k.uses.NAME({ … })`. Without
 * `returns` it gives no value. `body` is parsed and compiled, never run.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for a name or an argument name that is not an identifier.
 */
export function helper<
  const A extends HelperArgs,
  D extends DType | undefined = undefined,
  const U extends HelperUses = Record<never, never>,
>(
  name: string,
  options: { readonly args: A; readonly returns?: D extends DType ? ScalarType<D> : undefined; readonly uses?: U },
  body: HelperBody<A, D, U>,
): HelperDefinition<A, D> {
  rememberCallSite(body, helper);
  if (typeof options?.args !== 'object' || options.args === null) {
    throw GpuBridgeError.invalidArgument('options', options, '{ args: { … } }');
  }
  for (const identifier of [name, ...Object.keys(options.args)]) {
    if (!isIdentifier(identifier)) throw GpuBridgeError.invalidArgument('name', identifier, 'an identifier');
  }
  if (typeof body !== 'function') throw GpuBridgeError.invalidArgument('body', body, 'a function');
  const returns = options.returns as HelperDefinition<A, D>['returns'];
  return Object.freeze({ kind: 'helper', name, args: options.args, returns, uses: options.uses ?? {}, body });
}

/** Array argument of a helper that the helper only reads. */
export function array<D extends DType>(type: ScalarType<D>): ArrayArg<D, false> {
  return { kind: 'array', dtype: type.dtype, writable: false };
}

/** Array argument of a helper that the helper may write. */
export function mutableArray<D extends DType>(type: ScalarType<D>): ArrayArg<D, true> {
  return { kind: 'array', dtype: type.dtype, writable: true };
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
  const { dtype } = type;
  if (!holds(dtype, value)) throw GpuBridgeError.invalidArgument('value', value, `a value of ${dtype}`);
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
