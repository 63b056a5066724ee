import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  GridBody,
  GridOptions,
  HelperUses,
  KernelConstants,
  KernelDefinition,
  KernelOptions,
  KernelParams,
  KernelShared,
  MapBody,
} from '@gpu-bridge/abstractions';
import { rememberCallSite } from '../parse/call-site.js';
import { normaliseWorkgroup, validateDefinition } from './validate-definition.js';

/**
 * Declares a kernel that runs once per item of a batch. `body` is parsed and compiled, never run.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for a bad name or a parameter a map kernel cannot have.
 */
export function mapKernel<
  const P extends KernelParams,
  const C extends KernelConstants = Record<never, never>,
  const U extends HelperUses = Record<never, never>,
>(name: string, options: KernelOptions<P, C, U>, body: MapBody<P, C, U>): KernelDefinition<P, C> {
  rememberCallSite(body, mapKernel);
  return define('map', name, options, body);
}

/**
 * Declares a kernel that runs once per id of a grid, over whole arrays. `body` is parsed and compiled, never run.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for a bad name, a parameter a grid kernel cannot have, or a workgroup or
 *   shared arrays beyond what every device has.
 */
export function gridKernel<
  const P extends KernelParams,
  const C extends KernelConstants = Record<never, never>,
  const U extends HelperUses = Record<never, never>,
  const S extends KernelShared = Record<never, never>,
>(name: string, options: GridOptions<P, C, U, S>, body: GridBody<P, C, U, S>): KernelDefinition<P, C> {
  rememberCallSite(body, gridKernel);
  return define('grid', name, options, body);
}

function define<P extends KernelParams, C extends KernelConstants>(
  kind: 'map' | 'grid',
  name: string,
  options: GridOptions<P, C, HelperUses, KernelShared>,
  body: KernelDefinition['body'],
): KernelDefinition<P, C> {
  if (typeof options?.params !== 'object' || options.params === null) {
    throw GpuBridgeError.invalidArgument('options', options, '{ params: { … } }');
  }
  const { params, uses = {}, fp = 'default', bounds = 'checked', workgroup, grid, shared } = options;
  const definition: KernelDefinition<P, C> = {
    kind,
    name,
    params,
    constants: options.constants ?? ({} as C),
    uses,
    ...(workgroup === undefined ? {} : { workgroup: normaliseWorkgroup(workgroup) }),
    ...(grid === undefined ? {} : { grid }),
    ...(shared === undefined ? {} : { shared }),
    fp,
    bounds,
    body,
  };
  validateDefinition(definition);
  return Object.freeze(definition);
}
