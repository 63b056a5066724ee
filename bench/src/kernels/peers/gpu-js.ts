import { floats } from './peer.js';
import type { LoadPeer, PeerForm } from './peer.js';

/** What this file uses of gpu.js 2. */
interface GpuJs {
  addFunction(helper: (x: number) => number): void;
  createKernel<A extends readonly unknown[]>(body: (this: Thread, ...args: A) => number, settings: Settings): Kernel<A>;
}
interface Thread {
  readonly thread: { readonly x: number; readonly y: number };
}
interface Settings {
  readonly output: readonly number[];
  readonly asyncMode?: boolean;
  readonly poolSize?: number;
}
type Result = Float32Array | Float32Array[];
interface Kernel<A extends readonly unknown[]> {
  (...args: A): Result | Promise<Result>;
  readonly kernel?: { readonly fallbackReason?: string | null };
}
type GpuJsModule = { readonly GPU: new (settings: { mode: 'cpu' | 'webasm' }) => GpuJs };

/**
 * gpu.js: one function per element of the output, without atomics, shared memory and barriers. So the triangles are
 * counted per vertex and added here, a block is summed by one thread, Black-Scholes has the call price alone (one output
 * a kernel), and the histogram is left out: it would read the input once per bin.
 */
export const loadGpuJs: LoadPeer = async (workloads, requirePeer) => {
  const { GPU } = requirePeer('gpu.js') as GpuJsModule;
  return [
    ...formsOf(new GPU({ mode: 'cpu' }), 'gpujs_cpu', 1, {}),
    ...formsOf(new GPU({ mode: 'webasm' }), 'gpujs_wasm', 1, {}),
    ...formsOf(new GPU({ mode: 'webasm' }), 'gpujs_wasm', 2, { asyncMode: true, poolSize: 2 }),
  ];

  function formsOf(gpu: GpuJs, name: string, threads: 1 | 2, settings: Omit<Settings, 'output'>): PeerForm[] {
    const { vadd, blackScholes, mandelbrot, triangles, blockSum } = workloads;
    const lengthOf = (array: { readonly length: number } | undefined): number => array?.length ?? 0;

    const a = floats(vadd, 'a');
    const b = floats(vadd, 'b');
    const addKernel = gpu.createKernel(
      function (x: Float32Array, y: Float32Array) {
        return x[this.thread.x]! + y[this.thread.x]!;
      },
      { ...settings, output: [a.length] },
    );

    gpu.addFunction(cumulativeNormal);
    const spot = floats(blackScholes, 'spot');
    const strike = floats(blackScholes, 'strike');
    const years = floats(blackScholes, 'years');
    const rate = blackScholes.columns.rate![0]!;
    const volatility = blackScholes.columns.volatility![0]!;
    const callKernel = gpu.createKernel(
      function (spot: Float32Array, strike: Float32Array, years: Float32Array, rate: number, volatility: number) {
        const s = spot[this.thread.x]!;
        const x = strike[this.thread.x]!;
        const t = years[this.thread.x]!;
        const deviation = volatility * Math.sqrt(t);
        const d1 = (Math.log(s / x) + (rate + 0.5 * volatility * volatility) * t) / deviation;
        return s * cumulativeNormal(d1) - x * Math.exp(-rate * t) * cumulativeNormal(d1 - deviation);
      },
      { ...settings, output: [spot.length] },
    );

    const stepsKernel = gpu.createKernel(
      function (limit: number) {
        const cr = (this.thread.x * 3.5) / 1024 - 2.5;
        const ci = (this.thread.y * 2) / 512 - 1;
        let zr = 0;
        let zi = 0;
        let n = 0;
        for (let i = 0; i < limit; i++) {
          if (zr * zr + zi * zi > 4) break;
          const next = zr * zr - zi * zi + cr;
          zi = 2 * zr * zi + ci;
          zr = next;
          n++;
        }
        return n;
      },
      { ...settings, output: [1024, 512] },
    );

    const row = floats(triangles, 'row');
    const col = floats(triangles, 'col');
    const trianglesKernel = gpu.createKernel(
      function (row: Float32Array, col: Float32Array) {
        const begin = row[this.thread.x]!;
        const end = row[this.thread.x + 1]!;
        let found = 0;
        for (let e = begin; e < end; e++) {
          const v = col[e]!;
          const stop = row[v + 1]!;
          let p = begin;
          let q = row[v]!;
          while (p < end && q < stop) {
            const x = col[p]!;
            const y = col[q]!;
            if (x === y) found++;
            if (x <= y) p++;
            if (y <= x) q++;
          }
        }
        return found;
      },
      { ...settings, output: [row.length - 1] },
    );

    const x = floats(blockSum, 'x');
    const sumsKernel = gpu.createKernel(
      function (x: Float32Array) {
        let sum = 0;
        for (let i = 0; i < 256; i++) sum += x[this.thread.x * 256 + i]!;
        return sum;
      },
      { ...settings, output: [lengthOf(blockSum.columns.sums)] },
    );

    const form = (
      { name: kernel }: { name: PeerForm['kernel'] },
      column: string,
      call: () => Result | Promise<Result>,
      finish: (result: Result) => ArrayLike<number> = (result) => (Array.isArray(result) ? joined(result) : result),
    ): PeerForm => ({
      ...{ kernel, name, threads },
      run: async () => ({ [column]: finish(await call()) }),
    });
    return [
      form(vadd, 'c', () => addKernel(a, b)),
      form(blackScholes, 'call', () => callKernel(spot, strike, years, rate, volatility)),
      form(mandelbrot, 'steps', () => stepsKernel(256)),
      form(
        triangles,
        'count',
        () => trianglesKernel(row, col),
        (counts) => [(counts as Float32Array).reduce((sum, count) => sum + count, 0)],
      ),
      form(blockSum, 'sums', () => sumsKernel(x)),
    ];
  }
};

/** gpu.js finds it by its name in the kernel that calls it. */
function cumulativeNormal(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = 0.3989422804 * Math.exp(-0.5 * x * x) * series;
  if (x > 0) return 1 - tail;
  return tail;
}

/** Rows of a two-dimensional output as one array, as the other forms have them. */
function joined(rows: readonly Float32Array[]): Float32Array {
  const width = rows[0]?.length ?? 0;
  const all = new Float32Array(rows.length * width);
  rows.forEach((values, y) => all.set(values, y * width));
  return all;
}
