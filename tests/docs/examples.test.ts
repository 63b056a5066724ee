import { GpuBridgeError, WideColumn, resolveOptions } from '@gpu-bridge/abstractions';
import type { GridLaunch, KernelDefinition, KernelInputs, KernelOutputs, KernelParams } from '@gpu-bridge/abstractions';
import { describe, expect, it, vi } from 'vitest';
import { readAll, startSilo } from '../support/silo.js';
import {
  artifacts,
  blockSum,
  credits,
  cube,
  degrees,
  descriptor,
  histogram,
  power,
  saxpy,
  scale,
  spread,
  totals,
  walk,
} from './kernel-examples.js';
import { tenants } from './tenants-example.js';

/** What a program writes. */
async function printedBy(program: () => Promise<unknown>): Promise<unknown[][]> {
  const lines: unknown[][] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((...line: unknown[]) => void lines.push(line));
  try {
    await program();
  } finally {
    log.mockRestore();
  }
  return lines;
}

it('the example of the README prints what it says', async () => {
  expect(await printedBy(() => import('./readme-example.js'))).toEqual([
    [0, Float32Array.of(12, 24, 36)],
    ['completed', 'cpu:0', 'leased'],
  ]);
});

it('the example of resident datasets reads the epoch that it has published', async () => {
  expect(await printedBy(() => import('./dataset-example.js'))).toEqual([['2026-11-23', Float64Array.of(0.5, 0.25)]]);
});

it('the example of tenants limits those that it names and all others', () => {
  const { defaults, named } = resolveOptions({ tenants }).tenants;
  expect(defaults).toMatchObject({ weight: 1, queueLimit: 256, jobsPerSecond: 500, burstJobs: 500, arenaMiB: 64 });
  expect(named.get('checkout')).toMatchObject({ weight: 4, jobsPerSecond: undefined, arenaMiB: 64, queueLimit: 256 });
  expect(named.get('reports')).toMatchObject({ weight: 0.5, arenaMiB: 128, highestPriority: 'normal' });
});

const amount = BigInt64Array.of(5n, -2n, -2n, -7n, 2n ** 40n);
const lines = { offsets: Uint32Array.of(0, 4, 5), columns: { amount, account: Uint32Array.of(1, 4, 4, 9, 4) } };

describe('the kernels of docs/KERNELS.md compile and compute what they say:', () => {
  it('scale', async () => {
    expect(descriptor).toMatchObject({ name: 'guide/scale', effects: 'pure', requires: [] });
    expect(artifacts.map(({ target }) => target)).toEqual(['wasm', 'js']);
    expect(await runMap(scale, { a: 3, x: Float32Array.of(1, 2) })).toEqual({ y: Float32Array.of(3, 6) });
  });

  it('totals, credits and spread of lists', async () => {
    const wide = (...values: bigint[]): WideColumn => new WideColumn(BigInt64Array.from(values));
    const sums = await runMap(totals, { lines, rate: 0.5 });
    expect(sums).toEqual({ total: wide(-6n, 2n ** 40n), scaled: Float64Array.of(-3, 2 ** 39) });
    const { found } = await runMap(credits, { lines });
    expect(found.counts).toEqual(Uint32Array.of(2, 0));
    const { amount: amounts, account } = found.columns;
    expect([0, 1].map((i) => [amounts.numberAt(i), account[i]])).toEqual([
      [-2, 4],
      [-7, 9],
    ]);
    expect(await runMap(spread, { lines })).toEqual({ out: wide(12n, 2n ** 40n) });
  });

  it('histogram and degrees of whole arrays', async () => {
    const account = Uint32Array.of(1, 4, 4);
    const launch = { globalSize: [3], sizes: { bins: 5 } };
    expect(await runGrid(histogram, { account }, launch)).toEqual({ bins: Uint32Array.of(0, 1, 0, 0, 2) });
    const graph = { row: Uint32Array.of(0, 2, 2, 3), col: Uint32Array.of(2, 0, 1), weight: Float32Array.of(1, 2, 4) };
    expect(await runGrid(degrees, graph, { globalSize: [3] })).toEqual({ out: Float32Array.of(5, 0, 2) });
    const wrong = runGrid(degrees, { ...graph, col: Uint32Array.of(2, 0, 3) }, { globalSize: [3] });
    await expect(wrong).rejects.toMatchObject({ code: 'INDEX_OUT_OF_RANGE', details: { param: 'col', element: 2 } });
  });

  it('the sums of workgroups', async () => {
    const x = Float32Array.from({ length: 600 }, (_, i) => i);
    const sums = [0, 1, 2].map((g) => x.subarray(256 * g, 256 * (g + 1)).reduce((a, b) => a + b, 0));
    const out = await runGrid(blockSum, { x }, { globalSize: [600], sizes: { out: 3 } });
    expect(out).toEqual({ out: Float32Array.from(sums) });
  });

  it('a constant and what it is specialised to', async () => {
    expect(await runMap(power, { x: Float32Array.of(3) })).toEqual({ y: Float32Array.of(9) });
    expect(await runMap(cube, { x: Float32Array.of(3) })).toEqual({ y: Float32Array.of(27) });
  });

  it('random steps that are the same for the same seed', async () => {
    const start = new Float32Array(10_000).fill(1);
    await using silo = await startSilo({ kernels: [walk] });
    const kernel = silo.bridge.getKernel(walk);
    const run = async (seed: number): Promise<number[]> =>
      (await readAll(kernel, await kernel.submitBatch({ seed, start }))).flatMap(({ columns }) => [...columns.end]);
    const end = await run(7);
    expect(await run(7)).toEqual(end);
    expect(await run(8)).not.toEqual(end);
    const logs = end.map(Math.log);
    const mean = logs.reduce((a, b) => a + b, 0) / logs.length;
    const variance = logs.reduce((a, b) => a + (b - mean) ** 2, 0) / logs.length;
    expect(logs.length).toBe(10_000);
    expect(mean).toBeCloseTo(0, 1);
    expect(variance).toBeCloseTo(1, 1);
  });

  it('a raw kernel that the CPU refuses, saying why', async () => {
    const started = startSilo({ kernels: [saxpy] });
    const refusal: unknown = await started.then(
      (silo) => silo.host.stop(),
      (error: unknown) => error,
    );
    if (!GpuBridgeError.is(refusal, 'KERNEL_REFUSED')) throw new Error('it was taken', { cause: refusal });
    expect(refusal.details.missing.join('; ')).toMatch(/wasm: .*raw/);
  });
});

async function runMap<P extends KernelParams>(
  kernel: KernelDefinition<P>,
  items: KernelInputs<P>,
): Promise<KernelOutputs<P>> {
  await using silo = await startSilo({ kernels: [kernel], cpu: { workers: 1 } });
  const loaded = silo.bridge.getKernel(kernel);
  const [batch] = await readAll(loaded, await loaded.submitBatch(items));
  return batch!.columns;
}

async function runGrid<P extends KernelParams>(
  kernel: KernelDefinition<P>,
  args: KernelInputs<P>,
  launch: GridLaunch,
): Promise<KernelOutputs<P>> {
  await using silo = await startSilo({ kernels: [kernel], cpu: { workers: 1 } });
  const loaded = silo.bridge.getKernel(kernel);
  const [batch] = await readAll(loaded, await loaded.submitGrid(args, launch));
  return batch!.columns;
}
