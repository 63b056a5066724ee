import type {
  GridOptions,
  HelperArgs,
  HelperDefinition,
  HelperResult,
  HelperUses,
  KernelConstants,
  KernelDefinition,
  KernelParams,
  KernelShared,
} from '@gpu-bridge/abstractions';
import type { HelperOptions } from '../authoring/define-helper.js';
import { gridKernel, helper, mapKernel } from '../index.js';

export interface TextKernel {
  readonly params: KernelParams;
  readonly constants?: KernelConstants;
  readonly uses?: HelperUses;
  readonly bounds?: 'checked' | 'off';
  readonly fp?: 'strict' | 'default';
}

export type TextGridKernel = GridOptions<KernelParams, KernelConstants, HelperUses, KernelShared>;

/** A function whose source is exactly `text`; nothing calls it. */
export function functionOf(text: string): () => void {
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- makes the function object, whose text is compiled
  const make = new Function(`return (${text});`) as () => () => void;
  return make();
}

/** A helper from the text of its body. */
export function helperFromText<const A extends HelperArgs, const R extends HelperResult = undefined>(
  name: string,
  options: HelperOptions<A, R, HelperUses, KernelConstants>,
  text: string,
): HelperDefinition<A, R> {
  return helper(name, options, functionOf(text) as never);
}

/** A map kernel from the text of its body. */
export function mapFromText(options: TextKernel, text: string, name = 'test/text'): KernelDefinition {
  return mapKernel(name, options, functionOf(text));
}

/** A grid kernel from the text of its body. */
export function gridFromText(options: TextGridKernel, text: string, name = 'test/text'): KernelDefinition {
  return gridKernel(name, options, functionOf(text));
}
