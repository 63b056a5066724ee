import { expect, it, vi } from 'vitest';

/** What a module prints while it runs. */
async function printedBy(run: () => Promise<unknown>): Promise<unknown[][]> {
  const lines: unknown[][] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((...line: unknown[]) => void lines.push(line));
  try {
    await run();
  } finally {
    log.mockRestore();
  }
  return lines;
}

it('the example of packages/runtime submits a job and reads its results', async () => {
  const lines = await printedBy(() => import('./runtime-example.js'));
  expect(lines).toEqual([[0, Uint32Array.of(1, 4, 9)], ['completed']]);
});

it('the example of packages/compute-cpu loads a kernel into every executor', async () => {
  const lines = await printedBy(() => import('./compute-cpu-example.js'));
  expect(lines).toEqual([['loaded'], ['loaded']]);
});

it('the example of stream grains pushes items and reads their results', async () => {
  const lines = await printedBy(() => import('./stream-example.js'));
  expect(lines).toEqual([[1.5], [4], [5], [6]]);
});

it('the example of resident grains computes on the epoch that was current when it was called', async () => {
  const lines = await printedBy(() => import('./resident-example.js'));
  expect(lines).toEqual([[Float64Array.of(3, 6)], ['1', '2']]);
});
