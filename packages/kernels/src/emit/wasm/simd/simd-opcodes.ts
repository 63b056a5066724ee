/**
 * Instructions of WebAssembly's 128-bit SIMD that the emitter uses, all behind the prefix 0xfd; names follow the text
 * format.
 *
 * @see https://webassembly.github.io/spec/core/binary/instructions.html#vector-instructions
 */
export const SIMD = {
  v128Load: 0x00,
  v128Store: 0x0b,
  i32x4Splat: 0x11,
  f32x4Splat: 0x13,
  i32x4ExtractLane: 0x1b,
  i32x4ReplaceLane: 0x1c,
  f32x4ExtractLane: 0x1f,
  f32x4ReplaceLane: 0x20,
  v128Not: 0x4d,
  v128And: 0x4e,
  /** First operand and not the second. */
  v128AndNot: 0x4f,
  v128Or: 0x50,
  v128Xor: 0x51,
  v128Bitselect: 0x52,
  v128AnyTrue: 0x53,
  v128Load32Lane: 0x56,
  i8x16Popcnt: 0x62,
  i16x8ExtaddPairwiseI8x16U: 0x7d,
  i32x4ExtaddPairwiseI16x8U: 0x7f,
  i8x16Shuffle: 0x0d,
  i32x4Neg: 0xa1,
  i32x4AllTrue: 0xa3,
  i32x4Bitmask: 0xa4,
  i32x4Shl: 0xab,
  i32x4ShrU: 0xad,
  i32x4Mul: 0xb5,
  i32x4Add: 0xae,
  i32x4Sub: 0xb1,
  f32x4Ne: 0x42,
  i32x4Eq: 0x37,
  i32x4Ne: 0x38,
  i32x4LtU: 0x3a,
  i32x4TruncSatF32x4S: 0xf8,
  i32x4TruncSatF32x4U: 0xf9,
  f32x4ConvertI32x4S: 0xfa,
  f32x4ConvertI32x4U: 0xfb,
  i32x4TruncSatF64x2SZero: 0xfc,
  i32x4TruncSatF64x2UZero: 0xfd,
  f64x2ConvertLowI32x4S: 0xfe,
  f64x2ConvertLowI32x4U: 0xff,
  f64x2Div: 0xf3,
  /** `b < a ? b : a`, and `a < b ? b : a`. */
  f32x4Pmin: 0xea,
  f32x4Pmax: 0xeb,
} as const;

/** Comparisons, which give a mask. */
export const SIMD_COMPARE = {
  i32: { eq: 0x37, ne: 0x38, lt: 0x39, gt: 0x3b, le: 0x3d, ge: 0x3f },
  u32: { eq: 0x37, ne: 0x38, lt: 0x3a, gt: 0x3c, le: 0x3e, ge: 0x40 },
  f32: { eq: 0x41, ne: 0x42, lt: 0x43, gt: 0x44, le: 0x45, ge: 0x46 },
} as const;

const INT = { add: 0xae, sub: 0xb1, mul: 0xb5, and: 0x4e, or: 0x50, xor: 0x51, neg: 0xa1, bitnot: 0x4d };

/** Operators that are one instruction on vectors with the language's exact meaning. */
export const SIMD_ARITHMETIC = {
  i32: { ...INT, min: 0xb6, max: 0xb8, abs: 0xa0 },
  u32: { ...INT, min: 0xb7, max: 0xb9 },
  f32: {
    add: 0xe4,
    sub: 0xe5,
    mul: 0xe6,
    div: 0xe7,
    min: 0xe8,
    max: 0xe9,
    abs: 0xe0,
    neg: 0xe1,
    sqrt: 0xe3,
    ceil: 0x67,
    floor: 0x68,
    trunc: 0x69,
  },
} as const;

/** Shifts; the count is one scalar for all lanes. */
export const SIMD_SHIFT = {
  i32: { shl: 0xab, shr: 0xac, ushr: 0xad },
  u32: { shl: 0xab, shr: 0xad, ushr: 0xad },
} as const;
