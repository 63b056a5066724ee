import { describe, expect, it } from 'vitest';
import { groupSum, transpose } from '../support/kernels.js';
import { crash, readAll, startSilo, until } from '../support/silo.js';

describe('kernels with workgroups through the whole path', () => {
  it('adds up groups that both executors share, also a last one that is not full', async () => {
    await using silo = await startSilo({ kernels: [groupSum] });
    const kernel = silo.bridge.getKernel(groupSum);
    for (const n of [1, 63, 64, 65, 200_001]) {
      const x = Uint32Array.from({ length: n }, (_, i) => (i * 2_654_435_761) >>> 0);
      const groups = Math.ceil(n / 64);
      const expected = new Uint32Array(groups);
      x.forEach((value, i) => (expected[i >> 6]! += value));
      const handle = await kernel.submitGrid({ x }, { globalSize: [n], sizes: { out: groups } });
      expect((await readAll(kernel, handle)).map((batch) => batch.columns.out)).toEqual([expected]);
      expect(await handle.result).toMatchObject({ outcome: 'completed', itemCount: n });
    }
  });

  it('works on two-dimensional tiles, with atomics in shared memory', async () => {
    await using silo = await startSilo({ kernels: [transpose] });
    const kernel = silo.bridge.getKernel(transpose);
    const [width, height] = [301, 203];
    const x = Uint32Array.from({ length: width * height }, (_, i) => (i * 2_654_435_761) >>> 5);
    const bins = new Uint32Array(16);
    for (const value of x) bins[value % 16]!++;
    for (const maxMicroBatch of [64, 1_000, 2 ** 20]) {
      const launch = { globalSize: [width, height], sizes: { bins: 16 } };
      const handle = await kernel.submitGrid({ x }, launch, { maxMicroBatch });
      const [batch] = await readAll(kernel, handle);
      expect(batch!.columns.bins).toEqual(bins);
      expect(batch!.columns.out.every((value, i) => value === x[(i % height) * width + Math.floor(i / height)])).toBe(
        true,
      );
    }
  });

  it('counts every group once when a worker crashes in the middle', async () => {
    await using silo = await startSilo({ kernels: [transpose] });
    const kernel = silo.bridge.getKernel(transpose);
    const [width, height] = [2_000, 1_000];
    const x = new Uint32Array(width * height).fill(3);
    const launch = { globalSize: [width, height], sizes: { bins: 16 } };
    for (let round = 0; round < 3; round++) {
      const handle = await kernel.submitGrid({ x }, launch, { maxMicroBatch: 6_400 });
      await until(() => handle.state === 'running', 'the grid runs');
      await crash(silo.device, round % 2);
      const [batch] = await readAll(kernel, handle);
      expect(batch!.columns.bins[3]).toBe(width * height);
      expect(batch!.columns.out.every((value) => value === 3)).toBe(true);
      await until(() => silo.bridge.getInfo().devices[0]!.health === 'healthy', 'the executor is back');
    }
  });
});
