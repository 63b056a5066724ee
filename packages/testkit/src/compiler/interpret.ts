import {
  ARGUMENT_HEADER_BYTES,
  ARGUMENT_SLOT_BYTES,
  SCRATCH_ALIGN_BYTES,
  argumentLayout,
  columnsOf,
  sizeOf,
} from '@gpu-bridge/abstractions';
import type { BoundedRaggedType, ElementType, KernelDefinition, KernelParam } from '@gpu-bridge/abstractions';
import { createIntrinsics } from './context.js';
import { ColumnWindow, arrayView, fromStored, storageAt, toStored } from './device-columns.js';
import type { AtomicArrays } from './context.js';
import type { DeviceStorage, Value } from './device-columns.js';

type Run = (argumentBlock: number, firstItem: number, itemCount: number, group: number) => number;

/** The part of an argument block that belongs to one parameter. */
interface BoundParam {
  readonly name: string;
  readonly declaration: KernelParam;
  /** Columns in field order; of a uniform its value, of scratch the group's region. */
  readonly columns: readonly DeviceStorage[];
  /** Ragged parameters: offsets of an input, counts of an output. */
  readonly offsetsOrCounts: DeviceStorage | undefined;
}

/** A function that runs the definition's body over items or ids of an argument block in `memory`. */
export function interpret(definition: KernelDefinition, memory: ArrayBufferLike): Run {
  return (argumentBlock, firstItem, itemCount, group) => {
    const [, gridX = 1, gridY = 1, gridZ = 1] = new Uint32Array(memory, argumentBlock, 4);
    const params = bind(definition, memory, argumentBlock, group);
    let violations = 0;
    const violated = (): void => void violations++;
    const atomics: AtomicArrays = new WeakMap();
    const k = createIntrinsics(definition.constants, definition.uses, atomics) as Record<string, unknown>;
    k['globalSize'] = { x: gridX, y: gridY, z: gridZ };
    const body = definition.body as (k: object, params: object) => void;
    const arrays = definition.kind === 'grid' ? gridViews(params, atomics, violated) : {};
    for (let i = firstItem; i < firstItem + itemCount; i++) {
      if (definition.kind === 'map') {
        const { views, finish } = itemViews(params, i, violated);
        k['item'] = i;
        body(k, views);
        finish();
      } else {
        k['global'] = { x: i % gridX, y: Math.floor(i / gridX) % gridY, z: Math.floor(i / (gridX * gridY)) };
        body(k, arrays);
      }
    }
    return violations;
  };
}

function bind(definition: KernelDefinition, memory: ArrayBufferLike, block: number, group: number): BoundParam[] {
  const { slots } = argumentLayout(definition.params);
  const view = new DataView(memory);
  const storages = slots.map(({ part, dtype }, index) => {
    const at = block + ARGUMENT_HEADER_BYTES + ARGUMENT_SLOT_BYTES * index;
    if (part === 'uniform') return storageAt(memory, dtype, at, 1);
    const count = view.getUint32(at + 4, true);
    const stride = Math.ceil((count * sizeOf(dtype)) / SCRATCH_ALIGN_BYTES) * SCRATCH_ALIGN_BYTES;
    const offset = Number(view.getBigUint64(at + 8, true)) + (part === 'scratch' ? group * stride : 0);
    return storageAt(memory, dtype, offset, count);
  });
  return Object.entries(definition.params).map(([name, declaration]) => {
    const own = slots.flatMap((slot, index) => (slot.param === name ? [{ slot, storage: storages[index]! }] : []));
    const isList = (part: string): boolean => part === 'offsets' || part === 'counts';
    return {
      name,
      declaration,
      columns: own.filter(({ slot }) => !isList(slot.part)).map(({ storage }) => storage),
      offsetsOrCounts: own.find(({ slot }) => isList(slot.part))?.storage,
    };
  });
}

function gridViews(params: readonly BoundParam[], atomics: AtomicArrays, violated: () => void): object {
  const views = params.map(({ name, declaration, columns }) => {
    const { role, type } = declaration;
    const fields = columnsOf(elementOf(declaration));
    if (role === 'uniform') return [name, fromStored(fields[0]!.dtype, columns[0]![0]!)];
    const windows = columns.map((c, i) => new ColumnWindow(fields[i]!.dtype, c, 0, c.length, violated));
    if (role === 'atomic') {
      const array = { length: windows[0]!.length, dtype: windows[0]!.dtype };
      atomics.set(array, windows[0]!);
      return [name, array];
    }
    if (type.kind === 'scalar') return [name, arrayView(windows[0]!)];
    const record = Object.fromEntries(fields.map((f, i) => [f.name, arrayView(windows[i]!)]));
    return [name, { length: windows[0]!.length, ...record }];
  });
  return Object.fromEntries(views) as object;
}

/** One item's views, and what is to be written back after the body. */
function itemViews(
  params: readonly BoundParam[],
  item: number,
  violated: () => void,
): { views: object; finish: () => void } {
  const views: Record<string, unknown> = {};
  const finishes: (() => void)[] = [];
  for (const param of params) {
    const { name, declaration, columns } = param;
    const { role, type } = declaration;
    if (role === 'scratch') {
      const extent = extentAt(params, declaration, item);
      views[name] = arrayView(new ColumnWindow(declaration.type.dtype, columns[0]!, 0, extent.length, violated));
    } else if (type.kind === 'ragged') {
      views[name] =
        role === 'input' ? inputList(param, item, violated) : outputList(params, param, item, violated, finishes);
    } else {
      const fields = columnsOf(type);
      const index = role === 'uniform' ? 0 : item;
      const record = {};
      fields.forEach((field, i) => {
        const column = columns[i]!;
        Object.defineProperty(record, field.name, {
          get: () => fromStored(field.dtype, column[index]!),
          set: (value: Value) => (column[index] = toStored(field.dtype, value)),
        });
      });
      const plain = type.kind === 'scalar' && role !== 'output';
      views[name] = plain ? (record as { value: Value }).value : record;
    }
  }
  return { views, finish: () => finishes.forEach((finish) => finish()) };
}

function inputList({ declaration, columns, offsetsOrCounts }: BoundParam, item: number, violated: () => void): object {
  const first = Number(offsetsOrCounts![item]);
  const length = Number(offsetsOrCounts![item + 1]) - first;
  const element = elementOf(declaration);
  const windows = columnsOf(element).map((f, i) => new ColumnWindow(f.dtype, columns[i]!, first, length, violated));
  return listView(element, windows, {});
}

function outputList(
  params: readonly BoundParam[],
  { declaration, columns, offsetsOrCounts }: BoundParam,
  item: number,
  violated: () => void,
  finishes: (() => void)[],
): object {
  const { start, length: capacity } = extentAt(params, declaration, item);
  const element = elementOf(declaration);
  const fields = columnsOf(element);
  const windows = fields.map((f, i) => new ColumnWindow(f.dtype, columns[i]!, start, capacity, violated, 0));
  finishes.push(() => (offsetsOrCounts![item] = windows[0]!.length));
  const push = (row: Value | Record<string, Value>): void => {
    const at = windows[0]!.length;
    if (at >= capacity) return violated();
    windows.forEach((window, i) => {
      window.length = at + 1;
      window.set(at, typeof row === 'object' ? row[fields[i]!.name]! : row);
    });
  };
  return listView(element, windows, { push, capacity });
}

function elementOf({ type }: KernelParam): ElementType {
  return type.kind === 'ragged' ? type.element : type;
}

function listView(element: ElementType, windows: readonly ColumnWindow[], members: Record<string, unknown>): object {
  if (element.kind === 'scalar') return arrayView(windows[0]!, members);
  columnsOf(element).forEach((f, i) => (members[f.name] = arrayView(windows[i]!)));
  return Object.defineProperty(members, 'length', { get: () => windows[0]!.length });
}

/** Where the item's elements of a bounded list or scratch begin, and how many there may be: `a * length + b`. */
function extentAt(
  params: readonly BoundParam[],
  declaration: KernelParam,
  item: number,
): { start: number; length: number } {
  const { max, per } = declaration.role === 'scratch' ? declaration : (declaration.type as BoundedRaggedType);
  const [a, b] = max;
  if (a === 0) return { start: b * item, length: b };
  const isList = (p: BoundParam): boolean => p.declaration.role === 'input' && p.declaration.type.kind === 'ragged';
  const driver = params.find((p) => (per === undefined ? isList(p) : p.name === per));
  const offsets = driver!.offsetsOrCounts!;
  const first = Number(offsets[item]);
  return { start: a * first + b * item, length: a * (Number(offsets[item + 1]) - first) + b };
}
