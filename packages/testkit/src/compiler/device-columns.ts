import type { DType } from '@gpu-bridge/abstractions';

export type Value = number | bigint | boolean;
export type DeviceStorage =
  | Float32Array<ArrayBufferLike>
  | Float64Array<ArrayBufferLike>
  | Int32Array<ArrayBufferLike>
  | Uint32Array<ArrayBufferLike>
  | BigInt64Array<ArrayBufferLike>
  | BigUint64Array<ArrayBufferLike>;

/** A typed array over a column of device memory. */
export function storageAt(memory: ArrayBufferLike, dtype: DType, offset: number, length: number): DeviceStorage {
  switch (dtype) {
    case 'f32':
      return new Float32Array(memory, offset, length);
    case 'f64':
      return new Float64Array(memory, offset, length);
    case 'i32':
      return new Int32Array(memory, offset, length);
    case 'i64':
      return new BigInt64Array(memory, offset, length);
    case 'u64':
      return new BigUint64Array(memory, offset, length);
    case 'u32':
    case 'bool':
      return new Uint32Array(memory, offset, length);
  }
}

/** What a body sees of a stored element. */
export function fromStored(dtype: DType, stored: number | bigint): Value {
  return dtype === 'bool' ? stored !== 0 : stored;
}

/** What is stored for a value of a body; typed arrays do the rounding and wrapping. */
export function toStored(dtype: DType, value: Value): number | bigint {
  if (dtype === 'bool') return value ? 1 : 0;
  return dtype === 'i64' || dtype === 'u64' ? BigInt(value) : Number(value);
}

const zeroOf = (dtype: DType): Value => (dtype === 'bool' ? false : dtype === 'i64' || dtype === 'u64' ? 0n : 0);

/** A window of a column, as bodies see arrays: an index outside reads zero, writes nothing and is counted. */
export class ColumnWindow {
  constructor(
    readonly dtype: DType,
    private readonly storage: DeviceStorage,
    private readonly first: number,
    readonly capacity: number,
    private readonly onViolation: () => void,
    /** Elements that exist, at most `capacity`; a list that grows sets it. */
    public length = capacity,
  ) {}

  get(index: number): Value {
    if (this.contains(index)) return fromStored(this.dtype, this.storage[this.first + index]!);
    this.onViolation();
    return zeroOf(this.dtype);
  }

  set(index: number, value: Value): void {
    if (this.contains(index)) this.storage[this.first + index] = toStored(this.dtype, value);
    else this.onViolation();
  }

  /** Applies `change` to an element and returns the value before; for atomics, of which one thread has no races. */
  update(index: number, change: (before: Value) => Value): Value {
    const inside = this.contains(index);
    const before = this.get(index);
    if (inside) this.set(index, change(before));
    return before;
  }

  private contains(index: number): boolean {
    return Number.isInteger(index) && index >= 0 && index < this.length;
  }
}

/** `a[i]` and `a[i] = x` on a window. Other properties come from `members`. */
export function arrayView(window: ColumnWindow, members: object = {}): object {
  return new Proxy(members, {
    get: (target, key) => {
      if (typeof key === 'string' && /^-?[\d.]+$/.test(key)) return window.get(Number(key));
      if (key === 'length') return window.length;
      if (key === 'get') return (index: number) => window.get(index);
      return Reflect.get(target, key) as unknown;
    },
    set: (_, key, value: Value) => {
      window.set(Number(key), value);
      return true;
    },
  });
}
