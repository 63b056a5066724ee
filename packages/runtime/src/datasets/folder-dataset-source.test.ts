import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folderDatasetSource } from './folder-dataset-source.js';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'dataset-source-'));
});
afterAll(() => rm(root, { recursive: true }));
const never = new AbortController().signal;

describe('a folder of epochs', () => {
  it('gives back what it was given, whatever the names', async () => {
    const folder = join(root, 'names', 'below');
    const source = folderDatasetSource(folder);
    const data = {
      f32: Float32Array.of(1.5, -0),
      f64: Float64Array.of(Math.PI),
      i32: Int32Array.of(-1),
      i64: BigInt64Array.of(-(2n ** 40n), 3n),
      u64: BigUint64Array.of(2n ** 63n),
      none: new Uint32Array(0),
      pair: { a: Uint32Array.of(1, 2, 3), b: Float32Array.of(4, 5, 6) },
      split: { low: Uint32Array.of(7), high: Int32Array.of(-1) },
    };
    const names = ['prices', '../../up', 'a/b', 'Ünï', '%2e', '.', 'x'.repeat(128), `${'x'.repeat(127)}y`, '\0'];
    for (const id of names) await source.save(id, `${id}?`.slice(-64), data);
    for (const id of names) expect(await source.load(id, `${id}?`.slice(-64), never)).toEqual(data);
    const files = await readdir(folder);
    expect(files.length).toBe(names.length);
    expect(await readdir(join(root, 'names'))).toEqual(['below']);
    for (const file of files) expect(file).toMatch(/^[A-Za-z0-9_%~-]+@[A-Za-z0-9_%~-]+\.epoch$/);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
  });

  it('never replaces an epoch', async () => {
    const source = folderDatasetSource(join(root, 'once'));
    await source.save('a', '1', { x: Uint32Array.of(1) });
    await source.save('a', '1', { x: Uint32Array.of(1) });
    await expect(source.save('a', '1', { x: Uint32Array.of(2) })).rejects.toMatchObject({
      code: 'DATASET_INVALID',
      details: { dataset: 'a', epoch: '1', reason: expect.stringContaining('other content') as string },
    });
    expect(await source.load('a', '1', never)).toEqual({ x: Uint32Array.of(1) });
    expect(await readdir(join(root, 'once'))).toEqual(['a@1.epoch']);
  });

  it('notices every damage, and files that are those of others', async () => {
    const folder = join(root, 'damage');
    const source = folderDatasetSource(folder);
    await source.save('a', '1', { x: Uint32Array.of(1, 2, 3) });
    const path = join(folder, 'a@1.epoch');
    const whole = await readFile(path);
    const broken = [
      whole.subarray(0, whole.length - 1),
      Buffer.concat([whole, Buffer.of(0)]),
      Buffer.of(),
      whole.subarray(1),
    ];
    for (let at = 0; at < whole.length; at += 7) {
      const flipped = Buffer.from(whole);
      flipped[at]! ^= 1;
      broken.push(flipped);
    }
    for (const bytes of broken) {
      await writeFile(path, bytes);
      await expect(source.load('a', '1', never)).rejects.toMatchObject({ code: 'DATASET_INVALID' });
    }
    await writeFile(join(folder, 'b@1.epoch'), whole);
    await expect(source.load('b', '1', never)).rejects.toThrow(/that of epoch 1 of a/);
  });

  it('says when there is no such epoch, when it cannot be used, and when nobody waits any more', async () => {
    const folder = join(root, 'errors');
    const source = folderDatasetSource(folder);
    await expect(source.load('a', '1', never)).rejects.toMatchObject({
      code: 'DATASET_NOT_FOUND',
      details: { dataset: 'a', epoch: '1' },
    });
    await source.save('a', '1', { x: Uint32Array.of(1) });
    await expect(source.load('a', '1', AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
    const file = folderDatasetSource(join(folder, 'a@1.epoch'));
    await expect(file.save('a', '1', { x: Uint32Array.of(1) })).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    expect(() => folderDatasetSource('')).toThrow(/the path of a folder/);
  });
});
