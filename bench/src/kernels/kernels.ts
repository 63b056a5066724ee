/** The measured kernels, as a user of the language writes them. */
import { atomic, constant, f32, gridKernel, helper, input, output, shared, u32, uniform } from '@gpu-bridge/kernels';

/** Sum of two arrays: one id per element. */
export const vadd = gridKernel(
  'bench/vadd',
  { params: { a: input(f32), b: input(f32), c: output(f32) } },
  (k, { a, b, c }) => {
    const i = k.global.x;
    c[i] = a[i]! + b[i]!;
  },
);

/** Cumulative normal distribution, |error| < 7.5e-8 (Abramowitz and Stegun 26.2.17). */
const cumulativeNormal = helper('cumulativeNormal', { args: { x: f32 }, returns: f32 }, (k, { x }) => {
  const t = 1 / (1 + 0.2316419 * k.abs(x));
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = 0.3989422804 * k.exp(-0.5 * x * x) * series;
  return k.select(x > 0, 1 - tail, tail);
});

/** Prices of European call and put options. */
export const blackScholes = gridKernel(
  'bench/black-scholes',
  {
    params: {
      ...{ spot: input(f32), strike: input(f32), years: input(f32) },
      ...{ rate: uniform(f32), volatility: uniform(f32), call: output(f32), put: output(f32) },
    },
    uses: { cumulativeNormal },
  },
  (k, { spot, strike, years, rate, volatility, call, put }) => {
    const i = k.global.x;
    const s = spot[i]!;
    const t = years[i]!;
    const deviation = volatility * k.sqrt(t);
    const d1 = (k.log(s / strike[i]!) + (rate + 0.5 * volatility * volatility) * t) / deviation;
    const d2 = d1 - deviation;
    const discounted = strike[i]! * k.exp(-rate * t);
    const n1 = k.uses.cumulativeNormal({ x: d1 });
    const n2 = k.uses.cumulativeNormal({ x: d2 });
    call[i] = s * n1 - discounted * n2;
    put[i] = discounted * (1 - n2) - s * (1 - n1);
  },
);

/** Steps until a point of the plane leaves the circle of radius 2; a two-dimensional grid, one id per pixel. */
export const mandelbrot = gridKernel(
  'bench/mandelbrot',
  { params: { steps: output(u32) }, constants: { limit: constant(u32, 256) } },
  (k, { steps }) => {
    const { x, y } = k.global;
    const cr = (k.f32(x) * 3.5) / k.f32(k.globalSize.x) - 2.5;
    const ci = (k.f32(y) * 2) / k.f32(k.globalSize.y) - 1;
    let zr = k.f32(0);
    let zi = k.f32(0);
    let n = k.u32(0);
    while (n < k.constants.limit && zr * zr + zi * zi <= 4) {
      const next = zr * zr - zi * zi + cr;
      zi = 2 * zr * zi + ci;
      zr = next;
      n++;
    }
    steps[y * k.globalSize.x + x] = n;
  },
);

/**
 * Triangles of a graph whose edges point one way: for every edge the common successors of its ends, by merging two
 * sorted lists. The index columns are validated when submitted, so reads through them carry no checks.
 */
export const triangles = gridKernel(
  'bench/triangles',
  {
    params: {
      row: input(u32, { indexes: 'col', inclusive: true }),
      col: input(u32, { indexes: 'row' }),
      count: atomic(u32),
    },
  },
  (k, { row, col, count }) => {
    const u = k.global.x;
    const end = row[u + 1]!;
    let found = k.u32(0);
    for (let e = row[u]!; e < end; e++) {
      const v = col[e]!;
      const stop = row[v + 1]!;
      let p = row[u]!;
      let q = row[v]!;
      while (p < end && q < stop) {
        const a = col[p]!;
        const b = col[q]!;
        if (a === b) found++;
        if (a <= b) p++;
        if (b <= a) q++;
      }
    }
    if (found > 0) k.atomicAdd(count, 0, found);
  },
);

/** How often each value of the low byte occurs. */
export const histogram = gridKernel(
  'bench/histogram',
  { params: { x: input(u32), bins: atomic(u32) } },
  (k, { x, bins }) => {
    k.atomicAdd(bins, x[k.global.x]! & 255, 1);
  },
);

/** Sums of 256 elements each, as a tree in the memory of the workgroup. */
export const blockSum = gridKernel(
  'bench/block-sum',
  {
    params: { x: input(f32), sums: output(f32) },
    workgroup: 256,
    shared: { tile: shared(f32, 256) },
    grid: 'full-groups',
  },
  (k, { x, sums, tile }) => {
    const l = k.local.x;
    tile[l] = k.inRange ? x[k.global.x]! : 0;
    k.barrier();
    for (let s = k.u32(128); s > 0; s >>= 1) {
      if (l < s) tile[l] += tile[l + s]!;
      k.barrier();
    }
    if (l === 0) sums[k.group.x] = tile[0]!;
  },
);
