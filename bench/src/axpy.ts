import type { ColumnBatch, GpuBridge } from '@gpu-bridge/abstractions';
import { f32, input, mapKernel, output, uniform } from '@gpu-bridge/kernels';

const ITEMS = 64;

export const axpy = mapKernel(
  'bench-axpy',
  { params: { a: uniform(f32), x: input(f32), y: input(f32), z: output(f32) } },
  (_k, { a, x, y, z }) => {
    z.value = a * x + y;
  },
);

export type Batch = ColumnBatch<{ z: Float32Array }>;

/** Submits one batch, reads its last result and checks all of them; µs. */
export type Call = (round: number) => Promise<number>;

export const columns = {
  x: Float32Array.from({ length: ITEMS }, (_, i) => i),
  y: new Float32Array(ITEMS).fill(1),
} as const;

/** Through the bridge: `submitBatch` to last result. */
export function directCall(bridge: GpuBridge): Call {
  const kernel = bridge.getKernel(axpy);
  return async (round) => {
    const a = round % 1_000;
    const start = performance.now();
    const handle = await kernel.submitBatch({ a, ...columns });
    const batches: Batch[] = [];
    for await (const batch of kernel.readResults(handle)) batches.push(batch);
    const elapsed = performance.now() - start;
    check(batches, a);
    return elapsed * 1e3;
  };
}

export function check(batches: readonly Batch[], a: number): void {
  const results = batches.flatMap(({ columns: { z } }) => [...z]);
  if (results.length !== ITEMS) throw new Error(`expected ${ITEMS} results, got ${results.length}`);
  results.forEach((z, i) => {
    if (z !== Math.fround(a * i + 1)) throw new Error(`item ${i} is ${z}, expected ${a * i + 1}`);
  });
}

/** Times of so many calls, one after the other. */
export async function window(call: Call, calls: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < calls; i++) times.push(await call(i));
  return times;
}
