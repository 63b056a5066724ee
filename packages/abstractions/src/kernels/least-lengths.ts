import type { ArgumentSlot, KernelDescriptor } from './descriptor.js';

/** How many elements the data of a slot must have: at least `times * of + plus`. */
export interface LeastLength {
  readonly times: number;
  /** The items of the block, or the elements of the slot with this index, which stands earlier in the block. */
  readonly of: 'items' | number;
  readonly plus: number;
}

const NOTHING: LeastLength = { times: 0, of: 'items', plus: 0 };

/**
 * What a kernel relies on without looking: the code around a body reaches the columns of every item, and the bounds of a
 * grid's array are those of its first column. Whoever runs an entry compares the lengths in its block with this first.
 *
 * What follows from contents of columns is not in it: the elements of lists, and the scratch for their lengths.
 *
 * @param slots - of the kernel's argument block, in order, with or without the workspace.
 * @returns one for each slot.
 */
export function leastLengths(
  {
    kind,
    params,
    workspaceBytes,
  }: Pick<KernelDescriptor, 'kind' | 'params'> & Partial<Pick<KernelDescriptor, 'workspaceBytes'>>,
  slots: readonly ArgumentSlot[],
): readonly LeastLength[] {
  return slots.map(({ param, part }, index): LeastLength => {
    if (part === 'uniform') return NOTHING;
    if (part === 'workspace') return { ...NOTHING, plus: (workspaceBytes ?? 0) / 4 };
    const declared = params[param]!;
    if (declared.role === 'scratch') return { ...NOTHING, plus: declared.max[1] };
    if (kind === 'grid') {
      const first = slots.findIndex((other) => other.param === param);
      return first === index ? NOTHING : { times: 1, of: first, plus: 0 };
    }
    if (part === 'offsets') return { times: 1, of: 'items', plus: 1 };
    if (part === 'counts' || declared.type.kind !== 'ragged') return { times: 1, of: 'items', plus: 0 };
    // Room for `a * length + b` elements of each item, of which the part for lengths is data.
    return 'max' in declared.type ? { times: declared.type.max[1], of: 'items', plus: 0 } : NOTHING;
  });
}
