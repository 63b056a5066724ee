import assert from 'node:assert/strict';
import { ARGUMENT_HEADER_BYTES, ARGUMENT_SLOT_BYTES, SCRATCH_ALIGN_BYTES, sizeOf } from '@gpu-bridge/abstractions';
import type { ArgumentSlot, BoundedRaggedType, ComputeDevice, DType, KernelDescriptor } from '@gpu-bridge/abstractions';
import { storageAt, toStored } from '../compiler/device-columns.js';
import type { DeviceStorage, Value } from '../compiler/device-columns.js';
import type { GuardedArena } from './guarded-arena.js';

/** Values of one column, in the forms that bodies see. */
export type ColumnValues = readonly Value[];
/** What a test gives for a parameter: a uniform's value, a column, columns by field, or a ragged list. */
export type ArgumentValue =
  | Value
  | ColumnValues
  | { readonly [field: string]: ColumnValues }
  | { readonly offsets: readonly number[]; readonly columns: { readonly [field: string]: ColumnValues } };

export interface BindRequest {
  /** Items of a map kernel's batch, or the product of a grid's size. */
  readonly itemCount: number;
  /** Inputs, inouts and uniforms by parameter name. */
  readonly inputs: Readonly<Record<string, ArgumentValue>>;
  /** Grid kernels: size along x, y, z; default `[itemCount, 1, 1]`. */
  readonly grid?: readonly [number, number, number];
  /** Grid kernels: elements of each output and atomic array; default `itemCount`. */
  readonly sizes?: Readonly<Record<string, number>>;
}

/** An argument block in the arena and the columns it points at. */
export interface BoundArguments {
  /** Byte offset of the block in the device's memory. */
  readonly offset: number;
  /** A column's stored elements: field name, `value` for bare scalars, `counts` and `offsets` for lists. */
  column(param: string, name?: string): DeviceStorage;
}

/** What each byte of outputs holds before a kernel wrote them. */
export const UNTOUCHED = 0xc3;

/** Allocates every column of a launch, fills the inputs and writes the argument block. */
export function bindArguments(
  device: ComputeDevice,
  arena: GuardedArena,
  { params, layout, name, workspaceBytes }: KernelDescriptor,
  request: BindRequest,
): BoundArguments {
  const { memory } = device;
  const { itemCount, inputs, grid = [itemCount, 1, 1] } = request;
  const block = arena.allocate(`the argument block of ${name}`, layout.sizeBytes);
  const view = new DataView(memory);
  [itemCount, ...grid].forEach((word, i) => view.setUint32(block + 4 * i, word, true));
  const columns = new Map<string, DeviceStorage>();

  layout.slots.forEach((slot, index) => {
    const at = block + ARGUMENT_HEADER_BYTES + ARGUMENT_SLOT_BYTES * index;
    if (slot.part === 'uniform') {
      storageAt(memory, slot.dtype, at, 1)[0] = toStored(slot.dtype, inputs[slot.param] as Value);
      return;
    }
    const role = slot.part === 'workspace' ? 'workspace' : params[slot.param]!.role;
    const given = role === 'workspace' ? undefined : givenValues(slot, inputs[slot.param]);
    const count = role === 'workspace' ? workspaceBytes / 4 : (given?.length ?? roomFor(slot, request, params));
    const perExecutor = role === 'scratch' || role === 'workspace';
    const groups = perExecutor ? device.executors.length * device.description.lanes : 1;
    const stride = perExecutor ? roundUp(count * sizeOf(slot.dtype), SCRATCH_ALIGN_BYTES) : count * sizeOf(slot.dtype);
    const what = `${slot.param}.${slot.part === 'column' ? slot.column : slot.part} of ${name}`;
    const offset = arena.allocate(what, groups * stride);
    const storage = storageAt(memory, slot.dtype, offset, perExecutor ? (groups * stride) / sizeOf(slot.dtype) : count);
    fill(storage, slot.dtype, given, role);
    if (role === 'input') arena.freeze(offset);
    view.setUint32(at + 4, count, true);
    view.setBigUint64(at + 8, BigInt(offset), true);
    columns.set(`${slot.param}.${slot.part === 'column' ? slot.column : slot.part}`, storage);
  });
  arena.freeze(block);

  return {
    offset: block,
    column: (param, column = 'value') => {
      const storage = columns.get(`${param}.${column}`);
      assert.ok(storage, `${name} has no column ${param}.${column}`);
      return storage;
    },
  };
}

function givenValues(slot: ArgumentSlot, value: ArgumentValue | undefined): ColumnValues | undefined {
  if (value === undefined || typeof value !== 'object') return undefined;
  if (Array.isArray(value)) return value as ColumnValues;
  const fields = value as { offsets?: ColumnValues; columns?: Record<string, ColumnValues> };
  if (slot.part === 'offsets') return fields.offsets;
  const column = (fields.columns ?? (fields as Record<string, ColumnValues>))[slot.column];
  assert.ok(column, `no values for ${slot.param}.${slot.column}`);
  return column;
}

function fill(storage: DeviceStorage, dtype: DType, given: ColumnValues | undefined, role: string): void {
  if (given !== undefined) given.forEach((value, i) => (storage[i] = toStored(dtype, value)));
  else if (role !== 'atomic') new Uint8Array(storage.buffer, storage.byteOffset, storage.byteLength).fill(UNTOUCHED);
}

/** Elements of a column that the kernel fills. */
function roomFor(
  { param, part }: ArgumentSlot,
  { itemCount, inputs, sizes }: BindRequest,
  params: KernelDescriptor['params'],
): number {
  const declaration = params[param]!;
  const bounded = declaration.role === 'scratch' || (declaration.type.kind === 'ragged' && part === 'column');
  if (!bounded) return sizes?.[param] ?? itemCount;
  const { max, per } = declaration.role === 'scratch' ? declaration : (declaration.type as BoundedRaggedType);
  const isList = (p: string): boolean => params[p]!.role === 'input' && params[p]!.type.kind === 'ragged';
  const driver = inputs[per ?? Object.keys(params).find(isList) ?? ''] as { offsets?: readonly number[] } | undefined;
  const offsets = driver?.offsets ?? Array.from({ length: itemCount + 1 }, () => 0);
  if (declaration.role !== 'scratch') return max[0] * offsets[itemCount]! + max[1] * itemCount;
  const lengths = Array.from({ length: itemCount }, (_, i) => offsets[i + 1]! - offsets[i]!);
  return max[0] * Math.max(0, ...lengths) + max[1];
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
