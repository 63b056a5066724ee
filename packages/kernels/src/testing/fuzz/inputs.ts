import type { DType } from '@gpu-bridge/abstractions';
import { isFloat } from './expressions.js';
import type { Precision } from './expressions.js';

type Scalar = number | bigint | boolean;

const I32 = [0, 1, -1, 2, 7, -2147483648, 2147483647, 65536, -77, 31];
const I64 = [0n, 1n, -1n, 10n, -(2n ** 63n), 2n ** 63n - 1n, 4294967296n, -77n, 63n];
const F64 = [0, -0, 1, -1.5, NaN, Infinity, -Infinity, 1e-310, 3.7e19, 0.1, 2.5, -1e-40, 1000.75, 88.7, -4.25e9];
/** In `default` precision: positive and of one size. */
const TAME = [0.25, 0.5, 0.75, 1, 1.1, 1.5, 2, 2.7, 3.3, 4];
const VALUES: Readonly<Record<DType, readonly Scalar[]>> = {
  i32: I32,
  u32: I32.map((n) => n >>> 0),
  i64: I64,
  u64: I64.map((n) => BigInt.asUintN(64, n)),
  f32: F64.map(Math.fround),
  f64: F64,
  bool: [false, true],
};

/** Input values from a seed (mulberry32). */
export class Inputs {
  constructor(
    private state: number,
    private readonly precision: Precision,
  ) {}

  below(limit: number): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  value(dtype: DType): Scalar {
    const tame = this.precision === 'default' && isFloat(dtype);
    const from: readonly Scalar[] = tame ? TAME.map(Math.fround) : VALUES[dtype];
    return from[this.below(from.length)] ?? 0;
  }

  column(dtype: DType, length: number): Scalar[] {
    return Array.from({ length }, () => this.value(dtype));
  }
}
