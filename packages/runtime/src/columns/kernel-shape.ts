import { GpuBridgeError, sizeOf } from '@gpu-bridge/abstractions';
import type { ArgumentSlot, DType, KernelDescriptor, KernelParam } from '@gpu-bridge/abstractions';

/** What the elements of a slot are counted by; `list` is an index into `KernelShape.lists`. */
export type SlotExtent =
  /** One element per item. */
  | { readonly by: 'items' }
  /** `itemCount + 1` offsets of a ragged input. */
  | { readonly by: 'offsets'; readonly list: number }
  /** The elements of a ragged input. */
  | { readonly by: 'elements'; readonly list: number }
  /** `a * elements + b * items`: room of a ragged output. */
  | { readonly by: 'room'; readonly list: number; readonly a: number; readonly b: number }
  /** `a * longest + b`, once per executor; what a kernel works in. */
  | { readonly by: 'scratch'; readonly list: number; readonly a: number; readonly b: number }
  /** A grid kernel's array: its own length. */
  | { readonly by: 'array' }
  | { readonly by: 'uniform' };

/** One slot of the argument block with everything the runtime needs to fill it. */
export interface SlotShape {
  readonly index: number;
  readonly slot: ArgumentSlot;
  readonly role: KernelParam['role'] | 'workspace';
  readonly elementBytes: 4 | 8;
  readonly extent: SlotExtent;
}

/** A ragged output as its readers see it. */
export interface ListOutput {
  readonly param: string;
  readonly counts: SlotShape;
  readonly columns: readonly SlotShape[];
  readonly list: number;
  readonly a: number;
  readonly b: number;
}

/**
 * A kernel's parameters as flat slots, computed once per kernel. Jobs are bound, staged and read by walking these
 * arrays; nothing looks at declarations on the hot path.
 */
export class KernelShape {
  readonly slots: readonly SlotShape[];
  /** Ragged inputs in declaration order. */
  readonly lists: readonly string[];
  readonly inputs: readonly SlotShape[];
  /** Slots of outputs, inouts and atomics: what a job owns and its reader gets. */
  readonly results: readonly SlotShape[];
  readonly uniforms: readonly SlotShape[];
  readonly scratches: readonly SlotShape[];
  readonly listOutputs: readonly ListOutput[];

  constructor(readonly descriptor: KernelDescriptor) {
    const params = Object.entries(descriptor.params);
    this.lists = params.filter(([, p]) => p.role === 'input' && p.type.kind === 'ragged').map(([name]) => name);
    this.slots = descriptor.layout.slots.map((slot, index) => this.shapeOf(slot, index));
    this.inputs = this.slots.filter((s) => s.role === 'input' || s.role === 'inout');
    this.results = this.slots.filter((s) => s.role === 'output' || s.role === 'inout' || s.role === 'atomic');
    this.uniforms = this.slots.filter((s) => s.role === 'uniform');
    this.scratches = this.slots.filter((s) => s.role === 'scratch');
    this.listOutputs = params.flatMap(([name, p]) =>
      p.role === 'output' && p.type.kind === 'ragged' ? [this.listOutput(name)] : [],
    );
  }

  get isMap(): boolean {
    return this.descriptor.kind === 'map';
  }

  private shapeOf(slot: ArgumentSlot, index: number): SlotShape {
    if (slot.part === 'workspace') {
      const extent: SlotExtent = { by: 'scratch', list: -1, a: 0, b: this.descriptor.workspaceBytes / 4 };
      return { index, slot, role: 'workspace', elementBytes: 4, extent };
    }
    const param = this.descriptor.params[slot.param];
    if (param === undefined) throw GpuBridgeError.invalidArgument('layout', slot.param, 'a parameter of the kernel');
    return { index, slot, role: param.role, elementBytes: sizeOf(slot.dtype), extent: this.extentOf(slot, param) };
  }

  private extentOf(slot: ArgumentSlot, param: KernelParam): SlotExtent {
    if (param.role === 'uniform') return { by: 'uniform' };
    if (!this.isMap) return { by: 'array' };
    if (param.role === 'scratch') {
      const [a, b] = param.max;
      return { by: 'scratch', list: this.driver(slot.param, param.per, a), a, b };
    }
    if (param.type.kind !== 'ragged' || slot.part === 'counts') return { by: 'items' };
    if (param.role === 'input') {
      const list = this.lists.indexOf(slot.param);
      return slot.part === 'offsets' ? { by: 'offsets', list } : { by: 'elements', list };
    }
    const bound = 'max' in param.type ? param.type : undefined;
    if (bound === undefined)
      throw GpuBridgeError.invalidArgument(slot.param, 'ragged output', 'ragged(…, { max: [a, b] })');
    const [a, b] = bound.max;
    return { by: 'room', list: this.driver(slot.param, bound.per, a), a, b };
  }

  /** Index of the ragged input a bound refers to; −1 when the bound has no length part. */
  private driver(param: string, per: string | undefined, a: number): number {
    if (per !== undefined) {
      const list = this.lists.indexOf(per);
      if (list < 0)
        throw GpuBridgeError.invalidArgument(
          `${param}.per`,
          per,
          `a ragged input (${this.lists.join(', ') || 'there is none'})`,
        );
      return list;
    }
    if (this.lists.length === 1) return 0;
    if (a === 0) return -1;
    throw GpuBridgeError.invalidArgument(
      `${param}.per`,
      per,
      `one of the ragged inputs ${this.lists.join(', ') || '(there is none)'}`,
    );
  }

  private listOutput(name: string): ListOutput {
    const own = this.slots.filter((s) => s.slot.param === name);
    const counts = own.find((s) => s.slot.part === 'counts');
    const columns = own.filter((s) => s.slot.part === 'column');
    const extent = columns[0]?.extent;
    if (counts === undefined || extent?.by !== 'room')
      throw GpuBridgeError.invalidArgument(name, 'layout', 'counts and columns');
    return { param: name, counts, columns, list: extent.list, a: extent.a, b: extent.b };
  }
}

/** Name of a dtype's array for error messages. */
export const ARRAY_NAME: Readonly<Record<DType, string>> = {
  f32: 'a Float32Array',
  f64: 'a Float64Array',
  i32: 'an Int32Array',
  u32: 'a Uint32Array',
  i64: 'a BigInt64Array, a Float64Array of safe integers or { low, high }',
  u64: 'a BigUint64Array, a Float64Array of safe integers or { low, high }',
  bool: 'a Uint32Array of 0 and 1',
};
