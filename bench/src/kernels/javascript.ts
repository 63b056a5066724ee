/**
 * The kernels as plain JavaScript over typed arrays, rounded to f32 wherever the kernel is, and written as one would
 * write them by hand. Each runs the ids (of the block sum: the blocks) `[first, first + count)`.
 */
import type { Columns } from './workloads.js';

const f = Math.fround;

function vadd({ a, b, c }: Columns, first: number, count: number): void {
  for (let i = first; i < first + count; i++) c![i] = f(a![i]! + b![i]!);
}

const SERIES = [0.2316419, 0.31938153, -0.356563782, 1.781477937, -1.821255978, 1.330274429, 0.3989422804].map(f);
const [P0, P1, P2, P3, P4, P5, P6] = SERIES as [number, number, number, number, number, number, number];

function cumulativeNormal(x: number): number {
  const t = f(1 / f(1 + f(P0 * Math.abs(x))));
  let series = f(P4 + f(t * P5));
  series = f(P3 + f(t * series));
  series = f(P2 + f(t * series));
  series = f(t * f(P1 + f(t * series)));
  const tail = f(f(P6 * f(Math.exp(f(f(-0.5 * x) * x)))) * series);
  return x > 0 ? f(1 - tail) : tail;
}

function blackScholes(columns: Columns, first: number, count: number): void {
  const spot = columns.spot!;
  const strike = columns.strike!;
  const years = columns.years!;
  const rate = columns.rate![0]!;
  const volatility = columns.volatility![0]!;
  const call = columns.call!;
  const put = columns.put!;
  for (let i = first; i < first + count; i++) {
    const s = spot[i]!;
    const x = strike[i]!;
    const t = years[i]!;
    const deviation = f(volatility * f(Math.sqrt(t)));
    const drift = f(f(rate + f(f(0.5 * volatility) * volatility)) * t);
    const d1 = f(f(f(Math.log(f(s / x))) + drift) / deviation);
    const d2 = f(d1 - deviation);
    const discounted = f(x * f(Math.exp(f(-rate * t))));
    const n1 = cumulativeNormal(d1);
    const n2 = cumulativeNormal(d2);
    call[i] = f(f(s * n1) - f(discounted * n2));
    put[i] = f(f(discounted * f(1 - n2)) - f(s * f(1 - n1)));
  }
}

const WIDTH = 1024;
const HEIGHT = 512;
const LIMIT = 256;

function mandelbrot(columns: Columns, first: number, count: number): void {
  const steps = columns.steps!;
  for (let i = first; i < first + count; i++) {
    const cr = f(f(f((i % WIDTH) * 3.5) / WIDTH) - 2.5);
    const ci = f(f(((i / WIDTH) | 0) * 2) / HEIGHT - 1);
    let zr = f(0);
    let zi = f(0);
    let n = 0;
    while (n < LIMIT && f(f(zr * zr) + f(zi * zi)) <= 4) {
      const next = f(f(f(zr * zr) - f(zi * zi)) + cr);
      zi = f(f(f(2 * zr) * zi) + ci);
      zr = next;
      n++;
    }
    steps[i] = n;
  }
}

function triangles(columns: Columns, first: number, count: number): void {
  const row = columns.row!;
  const col = columns.col!;
  let found = 0;
  for (let u = first; u < first + count; u++) {
    const begin = row[u]!;
    const end = row[u + 1]!;
    for (let e = begin; e < end; e++) {
      const v = col[e]!;
      const stop = row[v + 1]!;
      let p = begin;
      let q = row[v]!;
      while (p < end && q < stop) {
        const a = col[p]!;
        const b = col[q]!;
        if (a === b) found++;
        if (a <= b) p++;
        if (b <= a) q++;
      }
    }
  }
  Atomics.add(columns.count as Uint32Array, 0, found);
}

/** Any number of threads may run it over the same bins. */
function histogram(columns: Columns, first: number, count: number): void {
  const x = columns.x!;
  const bins = columns.bins as Uint32Array;
  for (let i = first; i < first + count; i++) Atomics.add(bins, x[i]! & 255, 1);
}

/** What one thread alone may do. */
function histogramOfOneThread(columns: Columns, first: number, count: number): void {
  const x = columns.x!;
  const bins = columns.bins!;
  for (let i = first; i < first + count; i++) bins[x[i]! & 255]!++;
}

const BLOCK = 256;
const tile = new Float32Array(BLOCK);

/** The tree of the kernel, so that the sums have the same bits. */
function blockSum(columns: Columns, first: number, count: number): void {
  const x = columns.x!;
  const sums = columns.sums!;
  for (let block = first; block < first + count; block++) {
    const base = block * BLOCK;
    for (let l = 0; l < BLOCK; l++) tile[l] = x[base + l]!;
    for (let s = BLOCK / 2; s > 0; s >>= 1) {
      for (let l = 0; l < s; l++) tile[l] = f(tile[l]! + tile[l + s]!);
    }
    sums[block] = tile[0]!;
  }
}

/** The sums without the tree, one element after the other. */
function blockSumInOrder(columns: Columns, first: number, count: number): void {
  const x = columns.x!;
  const sums = columns.sums!;
  for (let block = first; block < first + count; block++) {
    let sum = f(0);
    for (let i = block * BLOCK; i < (block + 1) * BLOCK; i++) sum = f(sum + x[i]!);
    sums[block] = sum;
  }
}

export const plainLoops = { vadd, blackScholes, mandelbrot, triangles, histogram, blockSum } as const;
/** Other ways to write a loop that one may have in mind; measured beside. */
export const otherLoops = { histogram: histogramOfOneThread, blockSum: blockSumInOrder } as const;
