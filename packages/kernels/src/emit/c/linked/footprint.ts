import { sizeOf } from '@gpu-bridge/abstractions';
import type { IrKernel } from '../../../ir/nodes.js';

/** What every group of a resident loop pays for, because one of its kernels needs it. */
export interface Footprint {
  readonly fp: IrKernel['fp'];
  /** Work-items that must enter a body together; null where any number will do. */
  readonly groupSize: number | null;
  /** Bytes of shared arrays, rounded up to a power of two. */
  readonly sharedBytes: number;
}

/** Shared arrays start at multiples of this. */
const SHARED_ALIGN_BYTES = 8;

/**
 * Kernels of equal footprint are linked into one loop. Registers are not known in a text, so the rule goes by what
 * is: a body with barriers has to be entered by exactly its workgroup, shared memory is reserved for the largest, and
 * strict kernels are compiled with flags of their own. Shared bytes count in powers of two, so that few loops
 * come out and none reserves more than twice what a kernel needs.
 */
function footprintOf(kernel: IrKernel): Footprint {
  const { workgroup } = kernel;
  const bytes = sharedOffsets(kernel).bytes;
  return {
    fp: kernel.fp,
    groupSize: workgroup === null ? null : workgroup[0] * workgroup[1] * workgroup[2],
    sharedBytes: bytes === 0 ? 0 : 2 ** Math.ceil(Math.log2(bytes)),
  };
}

/** Where the shared arrays of a kernel lie in the memory that all kernels of a loop use in turn. */
export function sharedOffsets(kernel: IrKernel): { readonly offsets: readonly number[]; readonly bytes: number } {
  let bytes = 0;
  const offsets = kernel.shared.map(({ dtype, length }) => {
    const offset = bytes;
    bytes += Math.ceil((length * sizeOf(dtype)) / SHARED_ALIGN_BYTES) * SHARED_ALIGN_BYTES;
    return offset;
  });
  return { offsets, bytes };
}

/** Members by footprint, in the order of their first ones. */
export function byFootprint<T>(
  members: readonly T[],
  kernelOf: (member: T) => IrKernel,
): readonly { readonly footprint: Footprint; readonly members: readonly T[] }[] {
  const found = new Map<string, { footprint: Footprint; members: T[] }>();
  for (const member of members) {
    const footprint = footprintOf(kernelOf(member));
    const key = JSON.stringify(footprint);
    const group = found.get(key) ?? { footprint, members: [] };
    group.members.push(member);
    found.set(key, group);
  }
  return [...found.values()];
}
