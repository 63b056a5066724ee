import type { DType } from './dtype.js';
import type { KernelDefinition } from './definition.js';
import type { KernelParams } from './params.js';

/** Identifies one version of a kernel: `name@hash`, the first 16 hex digits of the SHA-256 of its IR. */
export type KernelId = `${string}@${string}`;

/**
 * What repeating an attempt may do. `pure`: writes only its own output elements. `accumulates`: also adds into atomic
 * arrays. `mutates`: rewrites an inout array. Anything but `pure` restarts with fresh outputs after a death.
 */
export type KernelEffects = 'pure' | 'accumulates' | 'mutates';

/** What a target must offer; a backend lists what it has, and registration says what is refused and why. */
export type KernelRequirement = 'f64' | 'i64' | 'i64-atomics';

/** Serialisable description of a compiled kernel; everything the runtime knows about it. */
export interface KernelDescriptor {
  readonly id: KernelId;
  readonly name: string;
  readonly kind: 'map' | 'grid';
  readonly params: KernelParams;
  readonly layout: ArgumentLayout;
  readonly effects: KernelEffects;
  readonly requires: readonly KernelRequirement[];
  /** Map kernels: the body reads `k.item`, so its jobs cannot be joined with others into one run. */
  readonly readsItemIndex: boolean;
  readonly fp: 'strict' | 'default';
  readonly bounds: 'checked' | 'off';
  /**
   * Grid kernels whose ids run in workgroups. A run then counts groups, not ids: `first` and `count` of an artifact are
   * linear group indexes, x fastest, out of the product of `ceil(size / workgroup)` over the axes.
   */
  readonly workgroup: readonly [x: number, y: number, z: number] | null;
  /**
   * Bytes of working memory per executor (shared arrays, values kept across barriers, private copies of atomics); 0
   * where none is needed. Where not 0, the argument block ends with a slot of part `workspace`.
   */
  readonly workspaceBytes: number;
  /** Version of the intermediate representation that produced the artifacts. */
  readonly irVersion: number;
}

/** Executable form of a kernel for one target. */
export type KernelArtifact =
  /**
   * A WebAssembly module. It imports shared memory `env.memory` and exports
   * `run(argumentBlock: i32, firstItem: i32, itemCount: i32, group: i32) -> i32`: runs the items (map) or the linear ids
   * (grid; of groups, where there is a workgroup) `[firstItem, firstItem + itemCount)` and returns the number of bounds violations, saturating at 2^31 - 1.
   */
  | { readonly target: 'wasm'; readonly bytes: Uint8Array<ArrayBuffer> }
  /**
   * Source of an ES expression `(memory) => (argumentBlock, firstItem, itemCount, group) => violations` over one
   * ArrayBuffer or SharedArrayBuffer; slow, readable, bit-exact with `wasm`: the reference.
   */
  | { readonly target: 'js'; readonly source: string }
  /**
   * C++20 text with no includes beyond the standard library. `entry` has C linkage:
   * `int32_t entry(uint8_t* memory, uint64_t argumentBlock, uint32_t first, uint32_t count, uint32_t group)`, as `run` of
   * `wasm`; the offsets in the block count from `memory`. Compile with `flags` (contraction off, wrapping integers, for
   * the processor that compiles). Texts of several kernels can be compiled as one.
   *
   * `library` is the absolute path of a shared object of this text that was built ahead of time and that this machine can
   * run; without it a device compiles. Where it may run a compiler too, it takes the library all the same: that costs no
   * start anything, runs what was tested, and has the same results; only code for this very processor, where wider vectors
   * pay, is given up. It is run from where it lies, and trusted as whatever names it.
   */
  | {
      readonly target: 'cpp';
      readonly source: string;
      readonly entry: string;
      readonly flags: readonly string[];
      readonly library?: string;
    }
  /**
   * OpenCL C text, one kernel
   * `entry(__global uchar* memory, ulong argumentBlock, uint first, uint count, uint group, __global uint* violations)` over
   * a one-dimensional range. Without a workgroup any local size serves and each work-item takes every global-size-th id; its scratch
   * is region `group * global size + global id`, so scratch slots must have as many regions per executor as work-items are launched.
   * With a workgroup the local size is the product of its axes and each work-group takes every group-count-th group;
   * the workspace slot is not read. Adds to `violations`, which stays at 2^31 - 1. Writable arrays of different
   * parameters must not overlap. Texts that agree on `flags` can be compiled as one program. In strict kernels the flags
   * ask for correctly rounded division and square root of f32: a device without them is not strict.
   */
  | { readonly target: 'opencl'; readonly source: string; readonly entry: string; readonly flags: readonly string[] }
  /** CUDA C text, one `extern "C" __global__` function with the parameters of the OpenCL kernel, launched likewise. */
  | { readonly target: 'cuda'; readonly source: string; readonly entry: string; readonly flags: readonly string[] };
export type KernelTarget = KernelArtifact['target'];

export interface CompiledKernel {
  readonly descriptor: KernelDescriptor;
  readonly artifacts: readonly KernelArtifact[];
  /** Targets that were asked for and cannot have this kernel, and why. */
  readonly refused: readonly { readonly target: KernelTarget; readonly reason: string }[];
}

export interface CompileOptions {
  /** Artifacts to make; default `wasm` and `js`. */
  readonly targets?: readonly KernelTarget[];
  /**
   * Form of the `wasm` and `cpp` artifacts. `auto` (default): several ids side by side (in SIMD128; in vectors of eight)
   * where the cost rule of docs/KERNELS.md expects it to be faster, else scalar. `always` is refused where a kernel has no SIMD form. All forms give the same bits.
   */
  readonly simd?: 'auto' | 'never' | 'always';
}

/** Targets whose kernels can be linked into resident loops. */
export type LinkTarget = 'opencl' | 'cuda';

/**
 * Resident loops over rings with a switch over kernels, one per footprint: kernels that need the same of a device are linked
 * together. The text's function is
 * `entry(uchar* memory, ulong memoryBytes, ulong arenaOffset, uchar* rings, uint ringBytes, uint firstRing, uint maxEmptyPolls, uint maxEntries)`,
 * launched with one group per ring: group g serves ring r = firstRing + g at `rings + r * ringBytes`; lane l of a group of n uses
 * scratch region `r * n + l`. The arena is `[arenaOffset, memoryBytes)`, counted from `memory`.
 *
 * It goes on behind the entry that the ring's `running` names, and returns, a lease ended, when the stop word is set and the
 * queue empty, after `maxEmptyPolls` empty polls in a row, after `maxEntries` entries (2^32 - 1: no limit, and `mode` of
 * completions says RESIDENT instead of LEASED), or before an entry it does not run: another operation, a kernel it was not
 * linked from, a `mode` of LAUNCHED. It leaves `parked` 1 only after empty polls; else the host goes on at once. Entries
 * that are for it are checked as by the host: see native/README.md "Serving a ring". Nobody can be woken from a device: a parked reaper
 * finds its bell rung, and somebody has to look.
 */
export interface LinkedKernel {
  readonly source: string;
  readonly entry: string;
  readonly flags: readonly string[];
  /** Numbers of the kernels it runs. */
  readonly kernels: readonly number[];
  /** Work-items per group that a launch must have; null where any number will do. */
  readonly groupSize: number | null;
  readonly sharedBytes: number;
}
export type LinkedKernels = readonly LinkedKernel[];

/** A kernel for linking: its number in the rings, and what it is. */
export interface LinkMember {
  readonly number: number;
  readonly definition: KernelDefinition;
}

/** Turns a definition into artifacts. */
export interface KernelCompiler {
  /**
   * Links kernels into resident loops. Absent where the compiler has no device targets.
   *
   * @throws GpuBridgeError `KERNEL_BUILD_FAILED`.
   */
  link?(members: readonly LinkMember[], target: LinkTarget): LinkedKernels;
  /**
   * @throws GpuBridgeError `KERNEL_BUILD_FAILED`; `details.diagnostics` lists every finding with file, line and column.
   */
  compile(definition: KernelDefinition, options?: CompileOptions): CompiledKernel;
}

/**
 * Shape of the argument block a kernel reads: a fixed list of slots of 16 bytes, after a header of 16 bytes.
 * Little-endian; the block is 16-byte aligned.
 *
 * header: u32 itemCount (map: items of the whole batch; grid: linear global size) · u32 gridX · u32 gridY · u32 gridZ.
 * A column slot: u32 space (0 = host-visible arena) · u32 elementCount · u64 byte offset of element 0.
 * A uniform slot: the value in its own size at byte 0 of the slot, the rest zero.
 * A scratch slot: u32 space · u32 elements per group · u64 byte offset of group 0; group g starts
 * `g * roundUp(elements * size, 64)` bytes later. Its elements per group hold the longest item of the batch.
 * The workspace slot, the last one, is laid out like scratch of u32 elements; its param and column are empty.
 */
export interface ArgumentLayout {
  readonly slots: readonly ArgumentSlot[];
  /** `16 + 16 * slots.length`. */
  readonly sizeBytes: number;
}

/** One slot; slots stand in parameter order, and inside a parameter: offsets or counts first, then its columns. */
export interface ArgumentSlot {
  /** Parameter name. */
  readonly param: string;
  readonly part: 'column' | 'offsets' | 'counts' | 'scratch' | 'uniform' | 'workspace';
  /** Field name for a struct's column; `value` for a bare scalar, offsets, counts, scratch and uniforms. */
  readonly column: string;
  /** Element type of what the slot points at; `u32` for offsets and counts. */
  readonly dtype: DType;
}
