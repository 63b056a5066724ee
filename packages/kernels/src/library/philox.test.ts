import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  createKernelCompiler,
  f32,
  f64,
  gridKernel,
  output,
  philox4x32,
  u32,
  uniform,
  unitF32,
  unitF64,
} from '../index.js';
import { runKernel } from '../testing/argument-block.js';

const words = { x: output(u32), y: output(u32), z: output(u32), w: output(u32) };
const counter = { c0: uniform(u32), c1: uniform(u32), c2: uniform(u32), c3: uniform(u32) };
const key = { k0: uniform(u32), k1: uniform(u32) };
/** Blocks of consecutive first counter words, from c0 on. */
const blocks = createKernelCompiler().compile(
  gridKernel('test/philox', { params: { ...counter, ...key, ...words }, uses: { philox4x32 } }, (k, p) => {
    const i = k.global.x;
    const r = k.uses.philox4x32({ c0: p.c0 + i, c1: p.c1, c2: p.c2, c3: p.c3, k0: p.k0, k1: p.k1 });
    p.x[i] = r.x;
    p.y[i] = r.y;
    p.z[i] = r.z;
    p.w[i] = r.w;
  }),
);

type Words = readonly number[];

/** The words of `size` blocks, block after block. */
function run(target: 'wasm' | 'js', size: number, c: Words, kk: Words): Uint32Array {
  const [c0 = 0, c1 = 0, c2 = 0, c3 = 0] = c;
  const [k0 = 0, k1 = 0] = kk;
  const values = { c0, c1, c2, c3, k0, k1, x: size, y: size, z: size, w: size };
  const { outputs } = runKernel(blocks, target, { size, values }, 4 + Math.ceil(size / 4096));
  const all = new Uint32Array(4 * size);
  ['x', 'y', 'z', 'w'].forEach((name, at) =>
    (outputs[name] as number[]).forEach((word, i) => (all[4 * i + at] = word)),
  );
  return all;
}

const data = new URL('../../../../../shared/data/rng/', import.meta.url);
const vectors = new URL('random123-kat_vectors.txt', data);
const answers = new URL('rng.answers.json', data);

describe.each(['wasm', 'js'] as const)('philox4x32 (%s)', (target) => {
  it.each([
    ['00000000 00000000 00000000 00000000 00000000 00000000', '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    ['ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff', '408f276d 41c83b0e a20bc7c6 6d5451fd'],
    ['243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0', 'd16cfe09 94fdcceb 5001e420 24126ea1'],
  ])('turns %s into %s', (input, expected) => {
    const given = input.split(' ').map((word) => parseInt(word, 16));
    expect([...run(target, 1, given, given.slice(4))]).toEqual(expected.split(' ').map((word) => parseInt(word, 16)));
  });

  it.skipIf(!existsSync(vectors))('equals every line of the known answers of Random123', () => {
    const lines = readFileSync(vectors, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('philox4x32 10 '));
    expect(lines.length).toBeGreaterThan(2);
    for (const line of lines) {
      const all = line
        .trim()
        .split(/\s+/)
        .slice(2)
        .map((word) => parseInt(word, 16));
      expect([...run(target, 1, all, all.slice(4, 6))], line).toEqual(all.slice(6));
    }
  });

  it.skipIf(!existsSync(answers))('equals the streams of numpy', () => {
    interface Stream {
      readonly key: string[];
      readonly counter: (number | 'i')[];
      readonly blocks: number;
      readonly sha256: string;
      readonly first_block: string[];
      readonly last_block: string[];
    }
    const { streams } = JSON.parse(readFileSync(answers, 'utf8')) as { streams: Stream[] };
    for (const stream of streams) {
      const rest = stream.counter.slice(1).map(Number);
      const keyWords = stream.key.map(Number);
      // Whole streams as WebAssembly, both ends as JavaScript.
      if (target === 'wasm') {
        const all = run(target, stream.blocks, [0, ...rest], keyWords);
        expect(createHash('sha256').update(new Uint8Array(all.buffer)).digest('hex')).toBe(stream.sha256);
      }
      const block = (at: number): number[] => [...run(target, 1, [at, ...rest], keyWords)];
      expect(block(0)).toEqual(stream.first_block.map(Number));
      expect(block(stream.blocks - 1)).toEqual(stream.last_block.map(Number));
    }
  });
});

it('numbers from random words are below 1 and reach its neighbour', () => {
  const units = gridKernel(
    'test/units',
    { params: { word: uniform(u32), single: output(f32), double: output(f64) }, uses: { unitF32, unitF64 } },
    (k, p) => {
      p.single[k.global.x] = k.uses.unitF32({ word: p.word });
      p.double[k.global.x] = k.uses.unitF64({ high: p.word, low: p.word });
    },
  );
  const of = (word: number): unknown =>
    runKernel(createKernelCompiler().compile(units), 'wasm', { size: 1, values: { word, single: 1, double: 1 } })
      .outputs;
  expect(of(0)).toEqual({ single: [0], double: [0] });
  expect(of(2 ** 31)).toEqual({ single: [0.5], double: [0.5 + 2 ** -28] });
  expect(of(2 ** 32 - 1)).toEqual({ single: [1 - 2 ** -24], double: [1 - 2 ** -53] });
});
