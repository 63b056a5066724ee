/** Kernels of the usual shapes: streaming, arithmetic, divergent loops, graphs, atomics. */
import { atomic, constant, f32, gridKernel, helper, input, output, u32, uniform } from '@gpu-bridge/kernels';

export const vadd = gridKernel(
  'compute/vadd',
  { params: { a: input(f32), b: input(f32), c: output(f32) } },
  (k, { a, b, c }) => {
    const i = k.global.x;
    if (i < c.length) c[i] = a[i]! + b[i]!;
  },
);

/** e^x for the small range that the tests need. */
const exponential = helper('exponential', { args: { x: f32 }, returns: f32 }, (k, { x }) => {
  const n = k.floor(x * 1.442695 + 0.5);
  const r = x - n * 0.6931472;
  const p = 1 + r * (1 + r * (0.5 + r * (0.16666667 + r * (0.041666667 + r * 0.008333334))));
  return p * k.bitcast('f32', (k.i32(n) + 127) << 23);
});

/** The cumulative normal distribution, by Abramowitz and Stegun 26.2.17. */
const normal = helper('normal', { args: { x: f32 }, returns: f32, uses: { exponential } }, (k, { x }) => {
  const t = 1 / (1 + 0.2316419 * k.abs(x));
  const poly = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = 0.39894228 * k.uses.exponential({ x: -0.5 * x * x }) * poly;
  return x < 0 ? tail : 1 - tail;
});

export const blackScholes = gridKernel(
  'compute/black-scholes',
  {
    params: {
      price: input(f32),
      strike: input(f32),
      years: input(f32),
      logRatio: input(f32),
      rate: uniform(f32),
      volatility: uniform(f32),
      call: output(f32),
      put: output(f32),
    },
    uses: { normal, exponential },
  },
  (k, { price, strike, years, logRatio, rate, volatility, call, put }) => {
    const i = k.global.x;
    if (i >= call.length) return;
    const s = price[i]!;
    const x = strike[i]!;
    const t = years[i]!;
    const root = k.sqrt(t);
    const d1 = (logRatio[i]! + (rate + 0.5 * volatility * volatility) * t) / (volatility * root);
    const d2 = d1 - volatility * root;
    const discounted = x * k.uses.exponential({ x: -rate * t });
    const n1 = k.uses.normal({ x: d1 });
    const n2 = k.uses.normal({ x: d2 });
    call[i] = s * n1 - discounted * n2;
    put[i] = discounted * (1 - n2) - s * (1 - n1);
  },
);

export const mandelbrot = gridKernel(
  'compute/mandelbrot',
  {
    params: { rounds: output(u32), scale: uniform(f32) },
    constants: { LIMIT: constant(u32, 256) },
  },
  (k, { rounds, scale }) => {
    const x = k.global.x;
    const y = k.global.y;
    const width = k.globalSize.x;
    const cx = k.f32(x) * scale - 2;
    const cy = k.f32(y) * scale - 1;
    let zx = k.f32(0);
    let zy = k.f32(0);
    let n = k.u32(0);
    while (n < k.constants.LIMIT && zx * zx + zy * zy <= 4) {
      const next = zx * zx - zy * zy + cx;
      zy = 2 * zx * zy + cy;
      zx = next;
      n++;
    }
    rounds[y * width + x] = n;
  },
);

/** Triangles of a graph whose edges point to higher numbers: rows of `column` between offsets in `row`. */
export const triangles = gridKernel(
  'compute/triangles',
  {
    params: {
      row: input(u32, { indexes: 'column', inclusive: true }),
      column: input(u32, { indexes: 'row' }),
      count: atomic(u32),
    },
  },
  (k, { row, column, count }) => {
    const u = k.global.x;
    if (u + 1 >= row.length) return;
    const begin = row[u]!;
    const end = row[u + 1]!;
    let found = k.u32(0);
    for (let e = begin; e < end; e++) {
      const v = column[e]!;
      const last = row[v + 1]!;
      let p = begin;
      let q = row[v]!;
      while (p < end && q < last) {
        const a = column[p]!;
        const b = column[q]!;
        if (a === b) found++;
        if (a <= b) p++;
        if (b <= a) q++;
      }
    }
    if (found > 0) k.atomicAdd(count, 0, found);
  },
);

export const histogram = gridKernel(
  'compute/histogram',
  { params: { values: input(u32), bins: atomic(u32) } },
  (k, { values, bins }) => {
    const i = k.global.x;
    if (i < values.length) k.atomicAdd(bins, values[i]! & 255, 1);
  },
);
