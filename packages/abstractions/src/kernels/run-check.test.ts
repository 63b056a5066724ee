import { Op, Status, createSqe } from '@gpu-bridge/protocol';
import type { Sqe } from '@gpu-bridge/protocol';
import { describe, expect, it } from 'vitest';
import { argumentLayout } from './argument-layout.js';
import { f64, u32 } from './dtype.js';
import { inout, input, output, scratch, uniform } from './params.js';
import type { KernelParams } from './params.js';
import { RunCheck } from './run-check.js';
import type { RunShape } from './run-check.js';
import { struct } from './schema.js';

const [ARENA, END, BLOCK] = [4096, 8192, 4112];
const MAP = shapeOf('map', {
  a: input(f64),
  by: uniform(u32),
  work: scratch(u32, { max: [0, 5] }),
  out: output(u32),
});
/** Header, and the slots of `a`, `by`, `work` and `out`: group 1 has scratch of 2 * 64 bytes. */
const WORDS = [...[10, 10, 1, 1], ...[0, 10, 5000, 0], ...[77, 0, 0, 0], ...[0, 5, END - 128, 0], ...[0, 10, 6000, 0]];

function shapeOf(kind: 'map' | 'grid', params: KernelParams, workspaceBytes = 0): RunShape {
  return { kind, params, layout: argumentLayout(params, workspaceBytes), workgroup: null, workspaceBytes };
}

function statusOf(shape: RunShape, words: readonly number[], entry: Partial<Sqe> = {}): Status {
  const memory = new SharedArrayBuffer(END + 64);
  new Uint32Array(memory, BLOCK).set(words);
  const check = new RunCheck(shape, { memory, arenaOffset: ARENA, arenaEnd: END, group: 1 });
  return check.statusOf({ ...createSqe(), op: Op.RUN, group: 1, paramsLow: BLOCK, itemCount: 10, ...entry });
}
const changed = (at: number, value: number): number[] => WORDS.map((word, i) => (i === at ? value : word));

describe('the check of an entry', () => {
  it('lets entries pass that stay inside what their block has', () => {
    expect(statusOf(MAP, WORDS)).toBe(Status.OK);
    expect(statusOf(MAP, WORDS, { firstItem: 10, itemCount: 0 })).toBe(Status.OK);
    expect(statusOf(MAP, changed(8, 2 ** 32 - 1))).toBe(Status.OK); // a uniform's value
  });

  it.each<[string, Partial<Sqe>, Status]>([
    ['another executor', { group: 0 }, Status.BAD_RANGE],
    ['items behind the last', { firstItem: 1 }, Status.BAD_RANGE],
    ['a range beyond 32 bits', { firstItem: 2 ** 32 - 5 }, Status.BAD_RANGE],
    ['a block that is not aligned', { paramsLow: BLOCK + 8 }, Status.BAD_ARGUMENT_BLOCK],
    ['a block in front of the arena', { paramsLow: ARENA - 16 }, Status.BAD_ARGUMENT_BLOCK],
    ['a block with its end outside', { paramsLow: END - 64 }, Status.BAD_ARGUMENT_BLOCK],
    ['a block beyond 4 GiB', { paramsHigh: 1 }, Status.BAD_ARGUMENT_BLOCK],
  ])('refuses %s', (_what, entry, status) => {
    expect(statusOf(MAP, WORDS, entry)).toBe(status);
  });

  it.each<[string, number, number]>([
    ['a column in front of the arena', 6, 4088],
    ['a column with its end outside', 5, 1000],
    ['a column beyond 4 GiB', 7, 1],
    ['a column off its alignment', 6, 5004],
    ['a column in another space', 4, 1],
    ['scratch without room for its group', 14, END - 64],
    ['an input shorter than the items', 5, 9],
    ['an output shorter than the items', 17, 9],
    ['scratch shorter than an item needs', 13, 4],
    ['more items than columns have elements', 0, 11],
  ])('refuses a block that names %s', (_what, at, value) => {
    expect(statusOf(MAP, changed(at, value))).toBe(Status.BAD_ARGUMENT_BLOCK);
  });

  it('counts the ids of a grid, and groups where there are workgroups', () => {
    const grid = shapeOf('grid', {});
    const header = [60, 5, 4, 3];
    expect(statusOf(grid, header, { itemCount: 60 })).toBe(Status.OK);
    expect(statusOf(grid, header, { itemCount: 61 })).toBe(Status.BAD_RANGE);
    const groups: RunShape = { ...grid, workgroup: [4, 4, 2] };
    expect(statusOf(groups, header, { itemCount: 4 })).toBe(Status.OK);
    expect(statusOf(groups, header, { itemCount: 5 })).toBe(Status.BAD_RANGE);
  });

  it.each([0, 15, 16])('wants of a workspace what the kernel uses, given %s words', (words) => {
    const shape = shapeOf('grid', { a: input(f64) }, 64);
    const block = [...[10, 10, 1, 1], ...[0, 0, 0, 0], ...[0, words, 4096 + 1024, 0]];
    const status = words === 16 ? Status.OK : Status.BAD_ARGUMENT_BLOCK;
    expect(statusOf(shape, block)).toBe(status);
  });

  it('compares the columns of an array of a grid with its first', () => {
    const shape = shapeOf('grid', { by: uniform(u32), a: inout(struct({ x: u32, y: u32 })) });
    const block = (first: number, second: number): number[] => [
      ...[10, 10, 1, 1],
      ...[77, 0, 0, 0],
      ...[0, first, 5120, 0],
      ...[0, second, 6144, 0],
    ];
    expect(statusOf(shape, block(4, 5))).toBe(Status.OK);
    expect(statusOf(shape, block(5, 4))).toBe(Status.BAD_ARGUMENT_BLOCK);
    expect(statusOf(shape, block(0, 0))).toBe(Status.OK);
  });
});
