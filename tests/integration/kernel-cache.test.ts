import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokens } from '@gpu-bridge/abstractions';
import type { GpuBridge } from '@gpu-bridge/abstractions';
import { addGpuBridge } from '@gpu-bridge/hosting';
import { Container } from 'inversify';
import { afterAll, expect, it } from 'vitest';
import { axpy } from '../support/kernels.js';
import { readAll } from '../support/silo.js';

const folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function compute(): Promise<number[]> {
  const container = new Container();
  await using host = addGpuBridge(container, { kernels: [axpy], cpu: { workers: 1 }, kernelCacheFolder: folder });
  await host.start();
  const kernel = container.get<GpuBridge>(Tokens.GpuBridge).getKernel(axpy);
  const handle = await kernel.submitBatch({ a: 2, x: Float32Array.of(1, 2), y: Float32Array.of(3, 4) });
  return (await readAll(kernel, handle)).flatMap(({ columns }) => [...columns.z]);
}

it('keeps compiled kernels between starts, and compiles again what was damaged', async () => {
  expect(await compute()).toEqual([5, 8]);
  const [entry, ...others] = readdirSync(folder);
  expect(others).toEqual([]);
  const written = statSync(join(folder, entry!));
  expect(await compute()).toEqual([5, 8]);
  expect(statSync(join(folder, entry!)).ino).toBe(written.ino); // read, not replaced
  writeFileSync(join(folder, entry!), 'damaged');
  expect(await compute()).toEqual([5, 8]);
  expect(statSync(join(folder, entry!)).size).toBe(written.size);
});

it('refuses a cache folder that is none before anything is bound', () => {
  const container = new Container();
  for (const [wrong, message] of [
    ['', /kernelCacheFolder/],
    [7, /kernelCacheFolder/],
    [join(process.execPath, 'below-a-file'), /cacheFolder/],
  ] as const) {
    expect(() => addGpuBridge(container, { kernelCacheFolder: wrong as string })).toThrow(message);
    expect(container.isBound(Tokens.GpuBridge)).toBe(false);
  }
});
