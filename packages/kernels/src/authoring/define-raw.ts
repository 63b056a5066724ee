import { GpuBridgeError, columnsOf } from '@gpu-bridge/abstractions';
import type {
  GridOptions,
  HelperUses,
  KernelConstants,
  KernelDefinition,
  KernelParams,
  KernelShared,
  RawSources,
} from '@gpu-bridge/abstractions';
import { rememberCallSite } from '../parse/call-site.js';
import { gridKernel } from './define-kernel.js';

export type RawOptions<P extends KernelParams, S extends KernelShared> = Pick<
  GridOptions<P, KernelConstants, HelperUses, S>,
  'params' | 'workgroup' | 'grid' | 'shared'
>;

const LANGUAGES: ReadonlySet<string> = new Set(['cuda', 'opencl', 'wgsl'] satisfies (keyof RawSources)[]);

/**
 * Declares a grid kernel whose body is written by hand in device languages; it is launched like any other, on devices
 * that one of the texts is for. {@link RawSources} says which names the texts see.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for what `gridKernel` refuses, and for no text, an empty one, or one in
 *   another language.
 */
export function raw<const P extends KernelParams, const S extends KernelShared = Record<never, never>>(
  name: string,
  options: RawOptions<P, S>,
  sources: RawSources,
): KernelDefinition<P> {
  const texts = Object.entries(sources ?? {});
  if (texts.length === 0)
    throw GpuBridgeError.invalidArgument('sources', sources, `a text for at least one of ${[...LANGUAGES].join(', ')}`);
  for (const [language, text] of texts as [string, unknown][]) {
    if (!LANGUAGES.has(language))
      throw GpuBridgeError.invalidArgument('sources', language, `one of ${[...LANGUAGES].join(', ')}`);
    if (typeof text !== 'string' || text.trim() === '')
      throw GpuBridgeError.invalidArgument(`sources.${language}`, text, 'the statements of the body');
  }
  const names = Object.entries(options.params).flatMap(([param, { role, type }]) => {
    if (role === 'uniform' || type.kind === 'ragged') return [param];
    return [`${param}_length`, ...columnsOf(type).map((c) => (type.kind === 'struct' ? `${param}_${c.name}` : param))];
  });
  const twice = [...names, ...Object.keys(options.shared ?? {})].find((name, i, all) => all.indexOf(name) !== i);
  if (twice !== undefined)
    throw GpuBridgeError.invalidArgument('params', twice, 'parameters whose names differ in the text');
  // Nothing can check the indexes of a text.
  const definition = gridKernel(name, { ...options, bounds: 'off' }, () => {});
  rememberCallSite(definition.body, raw);
  return Object.freeze({ ...definition, raw: Object.freeze({ ...sources }) });
}
