import type { IrKernel } from './nodes.js';

/**
 * A kernel as the CPU emitters print it: math functions are helpers, barriers are gone, and `kernel.main.body` is code of
 * one workgroup in which `items` statements hold what every id does (in a kernel without a workgroup: one `items`
 * statement around everything, run for the ids or items of the range).
 */
export interface CpuForm {
  readonly kernel: IrKernel;
  /** One per local of `kernel.main`. */
  readonly homes: readonly LocalHome[];
  readonly workspace: Workspace;
}

/**
 * Where a local of the kernel's body lives. `item`: used inside one `items` statement only. `group`: the same for every
 * id of the group, set and read outside `items` and read inside. `spilled`: of one id but kept from one `items` statement
 * to another, so it has an array in the workspace with an element for each id of the group.
 */
export type LocalHome = 'item' | 'group' | 'spilled';

/** What an executor keeps for the group it runs. Byte offsets from the start of its workspace, all multiples of 64. */
export interface Workspace {
  readonly bytes: number;
  /** One per array of `kernel.shared`. Cleared when a group starts. */
  readonly shared: readonly number[];
  /** Arrays of spilled locals, by local; elements in the order of the linear local id. */
  readonly spills: ReadonlyMap<number, number>;
  /**
   * Atomic parameters whose updates a run may collect in a private copy and add to the real array once at its end, by
   * slot: used when the array has at most `elements` elements, which is known when the run starts.
   */
  readonly privates: ReadonlyMap<number, { readonly offset: number; readonly elements: number }>;
}
