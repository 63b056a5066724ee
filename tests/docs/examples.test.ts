import { WideColumn } from '@gpu-bridge/abstractions';
import { expect, it, vi } from 'vitest';
import { readAll, startSilo } from '../support/silo.js';
import { accounts, artifacts, descriptor, histogram, totals } from './kernel-examples.js';

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

  await using silo = await startSilo({ kernels: [totals, histogram, accounts] });
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
});
