import { newColumn } from './item-columns.js';
import type { InputColumns, InputLayout, ItemColumns, StoredArray } from './item-columns.js';

/** Collects the items of one job, in columns of its own. */
export class ItemBuffer {
  private count = 0;
  private readonly inputs: readonly GrowingInput[];

  constructor(layouts: readonly InputLayout[]) {
    this.inputs = layouts.map((layout) => new GrowingInput(layout));
  }

  get itemCount(): number {
    return this.count;
  }

  /** Copies the items `[from, to)`. */
  append(items: ItemColumns, from: number, to: number): void {
    this.inputs.forEach((input, i) => input.append(items.inputs[i]!, from, to, this.count));
    this.count += to - from;
  }

  /** What was collected: views of the columns. */
  items(): ItemColumns {
    return { itemCount: this.count, inputs: this.inputs.map((input) => input.columns(this.count)) };
  }
}

class GrowingInput {
  private readonly arrays: StoredArray[];
  private offsets: Uint32Array | undefined;
  private elements = 0;

  constructor(layout: InputLayout) {
    this.arrays = layout.columns.map(({ dtype }) => newColumn(dtype, 0));
    if (layout.kind === 'list') this.offsets = new Uint32Array(1);
  }

  append({ offsets, columns }: InputColumns, from: number, to: number, count: number): void {
    const [first, end] = offsets === undefined ? [from, to] : [offsets[from]!, offsets[to]!];
    if (offsets !== undefined && this.offsets !== undefined) {
      const own = (this.offsets = grown(this.offsets, count + 1, count + 1 + to - from));
      for (let i = from; i < to; i++) own[count + 1 + i - from] = this.elements + offsets[i + 1]! - first;
    }
    const total = this.elements + end - first;
    columns.forEach((column, i) => {
      const array = (this.arrays[i] = grown(this.arrays[i]!, this.elements, total));
      array.set(column.subarray(first, end) as never, this.elements); // of the same type: both follow from the layout
    });
    this.elements = total;
  }

  columns(count: number): InputColumns {
    return {
      offsets: this.offsets?.subarray(0, count + 1),
      columns: this.arrays.map((array) => array.subarray(0, this.elements)),
    };
  }
}

/** An array with room for so many elements, the first ones those of `array`. */
function grown<T extends StoredArray>(array: T, used: number, needed: number): T {
  if (needed <= array.length) return array;
  const Constructor = array.constructor as new (length: number) => T;
  const larger = new Constructor(Math.max(needed, array.length * 2, 16));
  larger.set(array.subarray(0, used) as never);
  return larger;
}
