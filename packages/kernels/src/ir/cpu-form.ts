import type { IrKernel } from './nodes.js';

/**
 * A kernel as the CPU emitters print it: math functions are helpers, barriers are gone, and `kernel.main.body` is code of
 * one workgroup in which `items` statements hold what every id does (in a kernel without a workgroup: one `items`
 * statement around everything, run for the ids or items of the range).
 *
 * Outside `items` stand only `let`, `set` and `callInto` of group locals, `if`, `loop` (with such statements as update),
 * `break`, `continue` and `return` (which ends the group). Expressions there read group locals, uniforms, lengths, ids of
 * the group and inputs, and have no bounds check that could fail: those are left to `items`, so that violations are
 * counted once per id.
 */
export interface CpuForm {
  readonly kernel: IrKernel;
  /** One per local of `kernel.main`. */
  readonly homes: readonly LocalHome[];
  readonly workspace: Workspace;
}

/**
 * Where a local of the kernel's body lives. `item`: it belongs to one id, for the time of one `items` statement; what an
 * id keeps for a later one is listed in `loads` and `stores`. `group`: the same for every id of the group, set and read
 * outside `items` and read inside. Where a group's local can only be computed by an id, an `items` statement sets it to
 * the same value in every id.
 */
export type LocalHome = 'item' | 'group';

/** What an executor keeps for the group it runs. Byte offsets from the start of its workspace, all multiples of 64. */
export interface Workspace {
  readonly bytes: number;
  /** One per array of `kernel.shared`. Cleared when a group starts. */
  readonly shared: readonly number[];
  /** Arrays of the locals in `loads` and `stores`, by local; elements in the order of the linear local id. */
  readonly spills: ReadonlyMap<number, number>;
  /**
   * Atomic parameters whose updates a run may collect in a private copy, without atomics, and combine with the real array
   * once at its end; by slot.
   */
  readonly privates: ReadonlyMap<number, PrivateCopy>;
}

/**
 * The copy starts as `identity` and is combined by `operator`, the only one the kernel applies to the array. It is used
 * when the array has at most `elements` elements, which is known when the run starts.
 */
export interface PrivateCopy {
  readonly offset: number;
  readonly elements: number;
  readonly operator: 'add' | 'min' | 'max' | 'and' | 'or' | 'xor';
  readonly identity: number | bigint;
}
