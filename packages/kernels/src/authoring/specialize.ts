import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ConstantValues, KernelConstants, KernelDefinition, KernelParams } from '@gpu-bridge/abstractions';
import { typedConstant } from './define-helper.js';

/**
 * The same kernel with other values of its constants. What the new values decide is decided when it is compiled: branches
 * that cannot be reached are gone. Its id follows from its content, so equal values give equal kernels.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for a name the kernel has no constant of, or a value its type cannot hold.
 */
export function specialize<P extends KernelParams, C extends KernelConstants>(
  definition: KernelDefinition<P, C>,
  values: Partial<ConstantValues<C>>,
): KernelDefinition<P, C> {
  const known: KernelConstants = definition.constants;
  const replaced = Object.entries(values).map(([name, value]) => {
    const { dtype } = (Object.hasOwn(known, name) ? known[name] : undefined) ?? { dtype: undefined };
    if (dtype === undefined) {
      const names = Object.keys(known).join(', ') || 'none';
      throw GpuBridgeError.invalidArgument('values', name, `a constant of '${definition.name}': ${names}`);
    }
    return [name, typedConstant(`values.${name}`, dtype, value as never)] as const;
  });
  return Object.freeze({ ...definition, constants: { ...known, ...Object.fromEntries(replaced) } as C });
}
