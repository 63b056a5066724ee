import { sizeOf } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import { ByteWriter } from './bytes.js';
import { OP, VAL } from './opcodes.js';
import type { ScalarVal, Val } from './opcodes.js';

/** The type a value of a dtype has on the stack and in locals. */
export function valOf(dtype: DType): ScalarVal {
  if (dtype === 'f32' || dtype === 'f64') return dtype;
  return sizeOf(dtype) === 8 ? 'i64' : 'i32';
}

/** A branch target: the depth of control structures at which it stands. */
export type Label = number;

/** Code of one function: instructions, locals, and labels that do not need counting by hand. */
export class Code {
  private readonly out = new ByteWriter();
  private readonly locals: Val[] = [];
  private depth = 0;

  constructor(private readonly paramCount: number) {}

  local(type: Val): number {
    this.locals.push(type);
    return this.paramCount + this.locals.length - 1;
  }

  op(...bytes: readonly number[]): this {
    for (const byte of bytes) this.out.u8(byte);
    return this;
  }

  get(local: number): this {
    this.out.u8(OP.localGet).u32(local);
    return this;
  }

  set(local: number): this {
    this.out.u8(OP.localSet).u32(local);
    return this;
  }

  tee(local: number): this {
    this.out.u8(OP.localTee).u32(local);
    return this;
  }

  global(op: typeof OP.globalGet | typeof OP.globalSet, index: number): this {
    this.out.u8(op).u32(index);
    return this;
  }

  call(fn: number): this {
    this.out.u8(OP.call).u32(fn);
    return this;
  }

  i32(value: number): this {
    this.out.u8(OP.i32Const).s32(value);
    return this;
  }

  /** A constant of the dtype. */
  constant(dtype: DType, value: number | bigint | boolean): this {
    const type = valOf(dtype);
    if (type === 'i64') this.out.u8(OP.i64Const).s64(BigInt.asIntN(64, BigInt(value)));
    else if (type === 'f32') this.out.u8(OP.f32Const).f32(Number(value));
    else if (type === 'f64') this.out.u8(OP.f64Const).f64(Number(value));
    else this.out.u8(OP.i32Const).s32(Number(value));
    return this;
  }

  /** Loads or stores with an immediate offset, at the dtype's natural alignment. */
  access(kind: 'load' | 'store', dtype: DType, offset = 0): this {
    const op = ACCESS[valOf(dtype)][kind];
    this.out
      .u8(op)
      .u8(sizeOf(dtype) === 8 ? 3 : 2)
      .u32(offset);
    return this;
  }

  atomic(op: number, dtype: DType): this {
    this.out
      .u8(0xfe)
      .u8(op)
      .u8(sizeOf(dtype) === 8 ? 3 : 2)
      .u32(0);
    return this;
  }

  /** A vector instruction, with a lane number where it takes one. */
  simd(op: number, lane?: number): this {
    this.out.u8(0xfd).u32(op);
    return lane === undefined ? this : this.op(lane);
  }

  /** A vector instruction on memory: four elements of 32 bits, or one lane. */
  simdAccess(op: number, offset = 0, lane?: number): this {
    this.out.u8(0xfd).u32(op).u8(2).u32(offset);
    return lane === undefined ? this : this.op(lane);
  }

  v128(bytes: readonly number[]): this {
    this.out.u8(0xfd).u32(0x0c).append(bytes);
    return this;
  }

  /** Opens a structure; branches to the label of a block leave it, those to a loop's repeat it. */
  open(op: typeof OP.block | typeof OP.loop | typeof OP.if, result?: Val): Label {
    this.out.u8(op).u8(result === undefined ? 0x40 : VAL[result]);
    return ++this.depth;
  }

  else(): this {
    return this.op(OP.else);
  }

  end(): this {
    this.depth--;
    return this.op(OP.end);
  }

  br(label: Label): this {
    this.out.u8(OP.br).u32(this.depth - label);
    return this;
  }

  brIf(label: Label): this {
    this.out.u8(OP.brIf).u32(this.depth - label);
    return this;
  }

  /** The entry of the code section, with its size. */
  finish(): Uint8Array {
    const body = new ByteWriter().u32(this.locals.length);
    for (const type of this.locals) body.u32(1).u8(VAL[type]);
    body.append(this.out.bytes).u8(OP.end);
    return new ByteWriter().u32(body.bytes.length).append(body.bytes).bytes;
  }
}

const ACCESS = {
  i32: { load: OP.i32Load, store: OP.i32Store },
  i64: { load: OP.i64Load, store: OP.i64Store },
  f32: { load: OP.f32Load, store: OP.f32Store },
  f64: { load: OP.f64Load, store: OP.f64Store },
} as const;
