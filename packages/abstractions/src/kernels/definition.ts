import type {
  GridBodyParams,
  GridContext,
  HelperArgs,
  HelperBodyArgs,
  HelperResult,
  HelperUses,
  KernelConstants,
  KernelContext,
  MapBodyParams,
  MapContext,
  ResultOf,
} from './authoring.js';
import type { KernelParams, KernelShared } from './params.js';

/**
 * A device function that kernels call as `k.uses.NAME({ arg: value, ... })`. Its body is parsed and compiled, never
 * run. Recursion is refused.
 */
export interface HelperDefinition<A extends HelperArgs = HelperArgs, R extends HelperResult = HelperResult> {
  readonly kind: 'helper';
  readonly name: string;
  readonly args: A;
  /** Result type, or undefined for a helper that only writes arrays. */
  readonly returns: R;
  readonly uses: HelperUses;
  readonly constants: KernelConstants;
  readonly body: (...args: never[]) => unknown;
}

/**
 * A kernel as its author wrote it. `body` is parsed from its source text and compiled; it is never executed as
 * JavaScript.
 */
export interface KernelDefinition<P extends KernelParams = KernelParams, C extends KernelConstants = KernelConstants> {
  readonly kind: 'map' | 'grid';
  /** Name by which it is found: lower case, digits, `-`, `.` and `/`; part of the `KernelId`. */
  readonly name: string;
  readonly params: P;
  readonly constants: C;
  readonly uses: HelperUses;
  /** Grid kernels: ids per workgroup in x, y, z; absent where the ids are independent of each other. */
  readonly workgroup?: readonly [x: number, y: number, z: number] | undefined;
  /**
   * Grid kernels with a workgroup. `exact` (default): ids beyond the submitted global size never run, so there is no barrier.
   * `full-groups`: every group runs in full and `k.inRange` says which ids are inside.
   */
  readonly grid?: 'exact' | 'full-groups';
  /** Memory of one workgroup, by name. */
  readonly shared?: KernelShared;
  /** `strict`: no contraction, same bits on every target that supports it. The CPU targets are always strict. */
  readonly fp: 'strict' | 'default';
  /** `checked` (default) contains every index outside its array; `off` trusts the kernel. */
  readonly bounds: 'checked' | 'off';
  readonly body: (...args: never[]) => void;
  /** Where given, the kernel is these texts and `body` is empty. */
  readonly raw?: RawSources;
}

/**
 * A kernel's body in device languages, written by hand: statements that run once per id, inside braces of their own, with
 * these names in scope. `i32 u32 i64 u64 f32 f64` are the types of the language.
 *
 * - a scalar array `a`: the pointer `a` and its element count `a_length`; an array of structs: a pointer per column,
 *   `a_field`, and `a_length`; arrays of the workgroup by their name; a uniform: its value by its name
 * - `global_x/y/z`, `global_size_x/y/z`; in a kernel with a workgroup also `local_x/y/z`, `group_x/y/z`,
 *   `group_count_x/y/z` and `in_range`, which is true but for the ids that `full-groups` adds
 *
 * Barriers and atomics are those of the device language. Nothing checks an index. `return` ends the id.
 *
 * @see docs/KERNELS.md "Raw kernels"
 */
export interface RawSources {
  readonly cuda?: string;
  readonly opencl?: string;
  readonly wgsl?: string;
}

export interface KernelOptions<P extends KernelParams, C extends KernelConstants, U extends HelperUses> {
  readonly params: P;
  readonly constants?: C;
  readonly uses?: U;
  readonly fp?: 'strict' | 'default';
  readonly bounds?: 'checked' | 'off';
}

/** What grid kernels can say beyond {@link KernelOptions}. */
export interface GridOptions<
  P extends KernelParams,
  C extends KernelConstants,
  U extends HelperUses,
  S extends KernelShared,
> extends KernelOptions<P, C, U> {
  /** Ids per workgroup: of x, of x and y, or of x, y and z; at most 1024 in all. */
  readonly workgroup?: number | readonly [x: number, y: number] | readonly [x: number, y: number, z: number];
  /** @see KernelDefinition.grid */
  readonly grid?: 'exact' | 'full-groups';
  /** Arrays of one workgroup, at most 32 KiB in all; the body finds them beside the parameters. */
  readonly shared?: S;
}

export type MapBody<P extends KernelParams, C extends KernelConstants, U extends HelperUses> = (
  k: MapContext<C, U>,
  params: MapBodyParams<P>,
) => void;
export type GridBody<
  P extends KernelParams,
  C extends KernelConstants,
  U extends HelperUses,
  S extends KernelShared = Record<never, never>,
> = (k: GridContext<C, U>, params: GridBodyParams<P, S>) => void;
export type HelperBody<
  A extends HelperArgs,
  R extends HelperResult,
  U extends HelperUses,
  C extends KernelConstants = Record<never, never>,
> = (k: KernelContext<C, U>, args: HelperBodyArgs<A>) => ResultOf<R>;
