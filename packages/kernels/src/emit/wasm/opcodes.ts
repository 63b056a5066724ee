/**
 * Opcodes of the WebAssembly binary format that the emitter uses; names follow the text format.
 *
 * @see https://webassembly.github.io/spec/core/appendix/index-instructions.html
 */
export const OP = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  return: 0x0f,
  call: 0x10,
  drop: 0x1a,
  select: 0x1b,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  i32Load: 0x28,
  i64Load: 0x29,
  f32Load: 0x2a,
  f64Load: 0x2b,
  i32Store: 0x36,
  i64Store: 0x37,
  f32Store: 0x38,
  f64Store: 0x39,
  i32Const: 0x41,
  i64Const: 0x42,
  f32Const: 0x43,
  f64Const: 0x44,
  i32Eqz: 0x45,
  i64Eqz: 0x50,
  i32WrapI64: 0xa7,
  unreachable: 0x00,
  /** With the index of the memory: address, byte and length are on the stack. */
  memoryFill: [0xfc, 0x0b, 0x00],
} as const;

/** Value types. */
export const VAL = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;
export type Val = keyof typeof VAL;
export type ScalarVal = Exclude<Val, 'v128'>;

/** Integer instructions by base opcode of the type: `i32 + n`. */
export const COMPARE = {
  i32: { eq: 0x46, ne: 0x47, lt: 0x48, gt: 0x4a, le: 0x4c, ge: 0x4e },
  u32: { eq: 0x46, ne: 0x47, lt: 0x49, gt: 0x4b, le: 0x4d, ge: 0x4f },
  bool: { eq: 0x46, ne: 0x47, lt: 0x49, gt: 0x4b, le: 0x4d, ge: 0x4f },
  i64: { eq: 0x51, ne: 0x52, lt: 0x53, gt: 0x55, le: 0x57, ge: 0x59 },
  u64: { eq: 0x51, ne: 0x52, lt: 0x54, gt: 0x56, le: 0x58, ge: 0x5a },
  f32: { eq: 0x5b, ne: 0x5c, lt: 0x5d, gt: 0x5e, le: 0x5f, ge: 0x60 },
  f64: { eq: 0x61, ne: 0x62, lt: 0x63, gt: 0x64, le: 0x65, ge: 0x66 },
} as const;

const INT32 = {
  clz: 0x67,
  ctz: 0x68,
  popcount: 0x69,
  add: 0x6a,
  sub: 0x6b,
  mul: 0x6c,
  and: 0x71,
  or: 0x72,
  xor: 0x73,
  shl: 0x74,
  ushr: 0x76,
};
const INT64 = {
  clz: 0x79,
  ctz: 0x7a,
  popcount: 0x7b,
  add: 0x7c,
  sub: 0x7d,
  mul: 0x7e,
  and: 0x83,
  or: 0x84,
  xor: 0x85,
  shl: 0x86,
  ushr: 0x88,
};
const FLOAT32 = {
  abs: 0x8b,
  neg: 0x8c,
  ceil: 0x8d,
  floor: 0x8e,
  trunc: 0x8f,
  sqrt: 0x91,
  add: 0x92,
  sub: 0x93,
  mul: 0x94,
  div: 0x95,
  min: 0x96,
  max: 0x97,
};
const FLOAT64 = {
  abs: 0x99,
  neg: 0x9a,
  ceil: 0x9b,
  floor: 0x9c,
  trunc: 0x9d,
  sqrt: 0x9f,
  add: 0xa0,
  sub: 0xa1,
  mul: 0xa2,
  div: 0xa3,
  min: 0xa4,
  max: 0xa5,
};

/** Instructions with the operator's exact meaning; `div` and `rem` of integers trap and are used behind guards. */
export const ARITHMETIC = {
  i32: { ...INT32, div: 0x6d, rem: 0x6f, shr: 0x75 },
  u32: { ...INT32, div: 0x6e, rem: 0x70, shr: 0x76 },
  i64: { ...INT64, div: 0x7f, rem: 0x81, shr: 0x87 },
  u64: { ...INT64, div: 0x80, rem: 0x82, shr: 0x88 },
  f32: FLOAT32,
  f64: FLOAT64,
} as const;

/** Saturating conversions from floats, behind the 0xfc prefix. */
export const TRUNC_SAT = {
  i32: { f32: 0, f64: 2 },
  u32: { f32: 1, f64: 3 },
  i64: { f32: 4, f64: 6 },
  u64: { f32: 5, f64: 7 },
} as const;

/** Conversions from integers to floats. */
export const CONVERT = {
  f32: { i32: 0xb2, u32: 0xb3 },
  f64: { i32: 0xb7, u32: 0xb8, i64: 0xb9, u64: 0xba },
} as const;

export const CAST = { f32DemoteF64: 0xb6, f64PromoteF32: 0xbb, i64ExtendI32: 0xac, i64ExtendU32: 0xad } as const;
export const REINTERPRET = { i32: 0xbc, i64: 0xbd, f32: 0xbe, f64: 0xbf } as const;

/** Atomic instructions, behind the 0xfe prefix: 32-bit and 64-bit forms. */
export const ATOMIC = {
  load: [0x10, 0x11],
  store: [0x17, 0x18],
  add: [0x1e, 0x1f],
  and: [0x2c, 0x2d],
  or: [0x33, 0x34],
  xor: [0x3a, 0x3b],
  exchange: [0x41, 0x42],
  cmpxchg: [0x48, 0x49],
} as const;
