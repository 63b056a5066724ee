import {
  ARGUMENT_HEADER_BYTES,
  ARGUMENT_SLOT_BYTES,
  SCRATCH_ALIGN_BYTES,
  isWide,
  sizeOf,
} from '@gpu-bridge/abstractions';
import type { ArgumentSlot, CompiledKernel, DType, KernelParams } from '@gpu-bridge/abstractions';

type Scalar = number | bigint | boolean;
/** A column; a struct's columns by field. */
type Columns = readonly Scalar[] | Readonly<Record<string, readonly Scalar[]>>;

export interface Arguments {
  /** Map: items. Grid: the global size in x, or in x, y, z. */
  readonly size: number | readonly [number, number, number];
  /**
   * Inputs and inouts: columns. Ragged inputs: one array per item (of scalars, or of records). Uniforms: the value.
   * Outputs and atomics of grid kernels: their element count.
   */
  readonly values: Readonly<Record<string, unknown>>;
  /** Runs only these items or ids; groups, of a kernel with workgroups. */
  readonly range?: readonly [first: number, count: number];
  /** Which executor runs it, and how many there are. */
  readonly group?: number;
  readonly groups?: number;
}

export interface Outcome {
  readonly violations: number;
  /** Columns of outputs, inouts and atomics; ragged outputs as one array per item. */
  readonly outputs: Readonly<Record<string, unknown>>;
  /** Whether the bytes between the buffers are as they were. */
  readonly canariesIntact: boolean;
}

const CANARY = 0xa5;
const GAP_BYTES = 64;

/** A memory with everything laid out as an argument block wants it, and canary bytes around every buffer. */
class Layout {
  private cursor: number;
  private readonly regions: { start: number; end: number }[] = [];
  readonly view: DataView;
  readonly block = 1024;

  constructor(
    readonly memory: WebAssembly.Memory,
    blockBytes: number,
  ) {
    new Uint8Array(memory.buffer).fill(CANARY);
    this.view = new DataView(memory.buffer);
    this.cursor = this.block;
    this.reserve(blockBytes);
  }

  reserve(bytes: number): number {
    const start = this.cursor;
    if (start + bytes + GAP_BYTES > this.memory.buffer.byteLength) throw new Error('the test memory is too small');
    this.regions.push({ start, end: start + bytes });
    new Uint8Array(this.memory.buffer, start, bytes).fill(0);
    this.cursor = Math.ceil((start + bytes + GAP_BYTES) / 64) * 64;
    return start;
  }

  canariesIntact(): boolean {
    const bytes = new Uint8Array(this.memory.buffer);
    let from = 0;
    for (const { start, end } of [...this.regions, { start: this.cursor, end: this.cursor }]) {
      for (let i = from; i < start; i++) if (bytes[i] !== CANARY) return false;
      from = end;
    }
    return true;
  }

  write(dtype: DType, at: number, value: Scalar): void {
    if (isWide(dtype)) this.view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
    else if (dtype === 'f64') this.view.setFloat64(at, Number(value), true);
    else if (dtype === 'f32') this.view.setFloat32(at, Number(value), true);
    else this.view.setUint32(at, Number(value) >>> 0, true);
  }

  read(dtype: DType, at: number): Scalar {
    if (dtype === 'i64') return this.view.getBigInt64(at, true);
    if (dtype === 'u64') return this.view.getBigUint64(at, true);
    if (dtype === 'f64') return this.view.getFloat64(at, true);
    if (dtype === 'f32') return this.view.getFloat32(at, true);
    if (dtype === 'i32') return this.view.getInt32(at, true);
    const word = this.view.getUint32(at, true);
    return dtype === 'bool' ? word !== 0 : word;
  }
}

/**
 * Runs one artifact of a compiled kernel over freshly laid out arguments.
 *
 * @param pages - of 64 KiB, the size of the memory.
 */
export function runKernel(compiled: CompiledKernel, target: 'wasm' | 'js', args: Arguments, pages = 16): Outcome {
  const prepared = prepare(compiled, args, pages);
  const run = instantiate(compiled, target, prepared.layout.memory);
  const [first, count] = args.range ?? [0, prepared.units];
  const violations = run(prepared.layout.block, first, count, args.group ?? 0);
  return { violations, outputs: prepared.collect(), canariesIntact: prepared.layout.canariesIntact() };
}

export type Run = (block: number, first: number, count: number, group: number) => number;

export function instantiate(compiled: CompiledKernel, target: 'wasm' | 'js', memory: WebAssembly.Memory): Run {
  for (const artifact of compiled.artifacts) {
    if (artifact.target !== target) continue;
    if (artifact.target === 'wasm') {
      const instance = new WebAssembly.Instance(new WebAssembly.Module(artifact.bytes), { env: { memory } });
      return instance.exports.run as unknown as Run;
    }
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- runs the compiler's own output, as a host would
    const make = new Function('memory', `return (${artifact.source})(memory);`) as (
      memory: ArrayBuffer | SharedArrayBuffer,
    ) => Run;
    return make(memory.buffer);
  }
  throw new Error(`no ${target} artifact`);
}

export interface Prepared {
  readonly layout: Layout;
  /** Items, ids or groups in all. */
  readonly units: number;
  readonly collect: () => Record<string, unknown>;
}

export function prepare(compiled: CompiledKernel, { size, values, groups = 1 }: Arguments, pages = 16): Prepared {
  const { params, layout: argumentLayout } = compiled.descriptor;
  const layout = new Layout(
    new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }),
    argumentLayout.sizeBytes,
  );
  const grid = typeof size === 'number' ? ([size, 1, 1] as const) : size;
  const items = grid[0] * grid[1] * grid[2];
  [items, ...grid].forEach((word, i) => layout.view.setUint32(layout.block + 4 * i, word, true));
  const bases = new Map<number, number>();
  argumentLayout.slots.forEach((slot, index) => {
    const at = layout.block + ARGUMENT_HEADER_BYTES + ARGUMENT_SLOT_BYTES * index;
    if (slot.part === 'uniform') {
      layout.write(slot.dtype, at, values[slot.param] as Scalar);
      return;
    }
    const elements =
      slot.part === 'workspace'
        ? compiled.descriptor.workspaceBytes / 4
        : elementsOf(params, slot, compiled.descriptor.kind, items, values);
    const bytes =
      slot.part === 'scratch' || slot.part === 'workspace'
        ? groups * roundUp(elements * sizeOf(slot.dtype), SCRATCH_ALIGN_BYTES)
        : elements * sizeOf(slot.dtype);
    const base = layout.reserve(bytes);
    bases.set(index, base);
    layout.view.setUint32(at + 4, elements, true);
    layout.view.setBigUint64(at + 8, BigInt(base), true);
    initialValues(params, slot, values).forEach((value, i) =>
      layout.write(slot.dtype, base + i * sizeOf(slot.dtype), value),
    );
  });
  const column = (index: number, from: number, count: number): Scalar[] => {
    const { dtype } = argumentLayout.slots[index] ?? { dtype: 'u32' as const };
    return Array.from({ length: count }, (_, i) =>
      layout.read(dtype, (bases.get(index) ?? 0) + (from + i) * sizeOf(dtype)),
    );
  };
  const collect = (): Record<string, unknown> => {
    const outputs: Record<string, unknown> = {};
    for (const [name, param] of Object.entries(params)) {
      if (param.role !== 'output' && param.role !== 'inout' && param.role !== 'atomic') continue;
      const slots = argumentLayout.slots.flatMap((slot, i) => (slot.param === name ? [{ ...slot, i }] : []));
      const isRagged = param.type.kind === 'ragged';
      const perField = (read: (index: number) => unknown): unknown => {
        const columns = slots.filter((slot) => slot.part === 'column');
        const bare = columns.length === 1 && columns[0]?.column === 'value';
        return bare ? read(columns[0]?.i ?? 0) : Object.fromEntries(columns.map((slot) => [slot.column, read(slot.i)]));
      };
      if (!isRagged) {
        outputs[name] = perField((index) =>
          column(index, 0, lengthOf(params, name, compiled.descriptor.kind, items, values)),
        );
        continue;
      }
      const bound = boundOf(params, name);
      const counts = column(slots[0]?.i ?? 0, 0, items) as number[];
      const offsets = offsetsOf(params, bound.per, values, items);
      const start = (item: number): number => bound.max[0] * (offsets[item] ?? 0) + bound.max[1] * item;
      outputs[name] = perField((index) => counts.map((count, item) => column(index, start(item), count)));
    }
    return outputs;
  };
  const { workgroup } = compiled.descriptor;
  const units = workgroup === null ? items : grid.reduce((n, ids, i) => n * Math.ceil(ids / (workgroup[i] ?? 1)), 1);
  return { layout, units, collect };
}

/** Copies arguments to byte `at` of another memory; the block's offset there. */
export function placeIn(memory: Uint8Array, at: number, { descriptor }: CompiledKernel, { layout }: Prepared): number {
  memory.set(new Uint8Array(layout.memory.buffer), at);
  const block = at + layout.block;
  const view = new DataView(memory.buffer, memory.byteOffset + block);
  descriptor.layout.slots.forEach(({ part }, slot) => {
    const offset = ARGUMENT_HEADER_BYTES + ARGUMENT_SLOT_BYTES * slot + 8;
    if (part !== 'uniform') view.setBigUint64(offset, view.getBigUint64(offset, true) + BigInt(at), true);
  });
  return block;
}

function roundUp(bytes: number, to: number): number {
  return Math.ceil(bytes / to) * to;
}

function boundOf(params: KernelParams, name: string): { max: readonly [number, number]; per: string | undefined } {
  const param = params[name];
  const bound =
    param?.role === 'scratch'
      ? param
      : param?.role === 'output' && param.type.kind === 'ragged'
        ? param.type
        : undefined;
  if (bound === undefined || !('max' in bound)) throw new Error(`${name} has no bound`);
  const only = Object.entries(params).find(([, p]) => p.role === 'input' && p.type.kind === 'ragged')?.[0];
  return { max: bound.max, per: bound.per ?? only };
}

function offsetsOf(
  params: KernelParams,
  per: string | undefined,
  values: Arguments['values'],
  items: number,
): number[] {
  if (per === undefined) return Array.from({ length: items + 1 }, () => 0);
  const offsets = [0];
  for (const list of values[per] as readonly unknown[][]) offsets.push((offsets.at(-1) ?? 0) + list.length);
  return offsets;
}

function elementsOf(
  params: KernelParams,
  slot: ArgumentSlot,
  kind: 'map' | 'grid',
  items: number,
  values: Arguments['values'],
): number {
  if (slot.part === 'offsets') return items + 1;
  if (slot.part === 'counts') return items;
  const param = params[slot.param];
  if (param?.role === 'scratch' || (param?.role === 'output' && param.type.kind === 'ragged')) {
    const { max, per } = boundOf(params, slot.param);
    const offsets = offsetsOf(params, per, values, items);
    if (slot.part !== 'scratch') return max[0] * (offsets.at(-1) ?? 0) + max[1] * items;
    return Math.max(0, ...offsets.slice(1).map((end, i) => max[0] * (end - (offsets[i] ?? 0)) + max[1]));
  }
  return lengthOf(params, slot.param, kind, items, values);
}

function lengthOf(
  params: KernelParams,
  name: string,
  kind: 'map' | 'grid',
  items: number,
  values: Arguments['values'],
): number {
  const param = params[name];
  const value = values[name];
  if (param?.type.kind === 'ragged') return (value as readonly unknown[][]).reduce((sum, list) => sum + list.length, 0);
  if (kind === 'map') return items;
  if (typeof value === 'number') return value;
  const columns = value as Columns;
  const first = isPlain(columns) ? columns : (Object.values(columns)[0] ?? []);
  return first.length;
}

function isPlain(columns: Columns): columns is readonly Scalar[] {
  return Array.isArray(columns);
}

function initialValues(params: KernelParams, slot: ArgumentSlot, values: Arguments['values']): Scalar[] {
  const param = params[slot.param];
  const value = values[slot.param];
  if (param === undefined || param.role === 'output' || param.role === 'scratch' || param.role === 'atomic') return [];
  if (slot.part === 'offsets') return offsetsOf(params, slot.param, values, 0);
  if (param.type.kind === 'ragged') {
    const rows = (value as readonly unknown[][]).flat();
    return rows.map(
      (row) => (typeof row === 'object' ? (row as Record<string, Scalar>)[slot.column] : (row as Scalar)) ?? 0,
    );
  }
  const columns = value as Columns;
  return [...(isPlain(columns) ? columns : (columns[slot.column] ?? []))];
}
