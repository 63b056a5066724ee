/** Kernels of the audit tests, in a module of their own so that `gpu-bridge audit replay` can load it. */
import { f32, input, mapKernel, gridKernel, output, ragged, struct, u32, u64, uniform } from '@gpu-bridge/kernels';

/** Integers of 32 and 64 bits. */
export const mixIntegers = mapKernel(
  'audit/mix-integers',
  { params: { seed: uniform(u64), x: input(u32), out: output(struct({ narrow: u32, wide: u64 })) } },
  (k, { seed, x, out }) => {
    out.narrow = x * k.u32(2654435761) + k.u32(12345);
    out.wide = seed * k.u64(x) + k.u64(7n);
  },
);

/** Lists in and out, of other lengths. */
export const evenElements = mapKernel(
  'audit/even-elements',
  { params: { xs: input(ragged(u32)), ys: output(ragged(u32, { max: [1, 0] })) } },
  (k, { xs, ys }) => {
    for (let i = k.u32(0); i < xs.length; i++) {
      if (xs.get(i) % k.u32(2) === k.u32(0)) ys.push(xs.get(i));
    }
  },
);

/** Strict arithmetic of floats, whose bits are the same everywhere. */
export const strictFloats = gridKernel(
  'audit/strict-floats',
  { params: { scale: uniform(f32), x: input(f32), y: output(f32) }, fp: 'strict' },
  (k, { scale, x, y }) => {
    const i = k.global.x;
    if (i < y.length) y[i] = k.sqrt(k.abs(x[i]! * scale)) / k.f32(3.1) - x[i]!;
  },
);
