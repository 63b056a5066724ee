import { WideColumn } from '@gpu-bridge/abstractions';
import { expect, it, vi } from 'vitest';
import { readAll, startSilo } from '../support/silo.js';
import {
  accounts,
  artifacts,
  blockSums,
  descriptor,
  fewRounds,
  histogram,
  scaled,
  spread,
  totals,
} from './kernel-examples.js';

it('the example of the README prints what it says', async () => {
  const lines: unknown[][] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((...line: unknown[]) => void lines.push(line));
  try {
    await import('./readme-example.js');
  } finally {
    log.mockRestore();
  }
  expect(lines).toEqual([
    [0, Float32Array.of(12, 24, 36)],
    ['completed', 'cpu:0', 'leased'],
  ]);
});

it('the kernels of docs/KERNELS.md compile and compute what they say', async () => {
  expect(descriptor).toMatchObject({ name: 'ledger/totals', effects: 'pure', requires: ['f64', 'i64'] });
  expect(artifacts.map(({ target }) => target)).toEqual(['wasm', 'js']);

  await using silo = await startSilo({ kernels: [totals, histogram, accounts, blockSums, spread, fewRounds] });
  const amount = BigInt64Array.of(5n, -2n, 2n ** 40n);
  const lines = { offsets: Uint32Array.of(0, 2, 3), columns: { amount, account: Uint32Array.of(1, 4, 4) } };

  const kernel = silo.bridge.getKernel(totals);
  const [batch] = await readAll(kernel, await kernel.submitBatch({ lines, rate: 0.5 }));
  expect(batch!.columns.total).toEqual(new WideColumn(BigInt64Array.of(3n, 2n ** 40n)));
  expect(batch!.columns.scaled).toEqual(Float64Array.of(1.5, 2 ** 39));

  const helped = silo.bridge.getKernel(accounts);
  const sums = await readAll(helped, await helped.submitBatch({ lines }));
  expect(sums.map(({ columns }) => columns.total)).toEqual([Uint32Array.of(5, 4)]);

  const grid = silo.bridge.getKernel(histogram);
  const launch = { globalSize: [3], sizes: { bins: 5 } };
  const counts = await readAll(grid, await grid.submitGrid({ account: lines.columns.account }, launch));
  expect(counts.map(({ columns }) => columns.bins)).toEqual([Uint32Array.of(0, 1, 0, 0, 2)]);

  const reduced = silo.bridge.getKernel(blockSums);
  const x = Float64Array.from({ length: 100 }, (_, i) => i);
  const sums64 = await readAll(reduced, await reduced.submitGrid({ x }, { globalSize: [100], sizes: { sums: 2 } }));
  expect(sums64.map(({ columns }) => columns.sums)).toEqual([Float64Array.of(2016, 2934)]);

  const spreads = silo.bridge.getKernel(spread);
  const [wide] = await readAll(spreads, await spreads.submitBatch({ lines }));
  expect(wide!.columns.spread).toEqual(new WideColumn(BigInt64Array.of(7n, 0n)));

  const rounds = silo.bridge.getKernel(fewRounds);
  const [tripled] = await readAll(rounds, await rounds.submitBatch({ x: Uint32Array.of(1, 0x10000) }));
  expect(tripled!.columns.y).toEqual(Uint32Array.of(13, (9 * 0x10000 + 4) ^ 9));
  expect(scaled.raw?.cuda).toContain('factor');
});
