/** Kernels with workgroups, arguments for them, and what they give: computed here without a compiler. */
import type { KernelDefinition } from '@gpu-bridge/abstractions';
import {
  array,
  atomic,
  f32,
  f64,
  gridKernel,
  helper,
  i64,
  input,
  output,
  shared,
  sharedAtomic,
  struct,
  u32,
  uniform,
} from '../index.js';
import type { Arguments } from './argument-block.js';

export interface KernelCase {
  readonly definition: KernelDefinition;
  readonly args: Arguments;
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly violations?: number;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const numbers = (count: number): number[] => range(count).map((i) => (i * 2_654_435_761) % 1009);

/** A tree over shared memory; the last group is not full. */
const reduction = gridKernel(
  'test/reduction',
  {
    params: { a: input(u32), sums: output(u32) },
    workgroup: 64,
    grid: 'full-groups',
    shared: { tile: shared(u32, 64) },
  },
  (k, { a, sums, tile }) => {
    const l = k.local.x;
    tile[l] = k.inRange ? a[k.global.x]! : 0;
    k.barrier();
    for (let s = k.u32(32); s > 0; s >>= 1) {
      if (l < s) tile[l] += tile[l + s]!;
      k.barrier();
    }
    if (l === 0) sums[k.group.x] = tile[0]!;
  },
);

/** Rows become columns by way of a tile, in groups of two axes that hang over both edges. */
const transposed = gridKernel(
  'test/transposed',
  {
    params: { a: input(f32), out: output(f32) },
    workgroup: [8, 4],
    grid: 'full-groups',
    shared: { tile: shared(f32, 32) },
  },
  (k, { a, out, tile }) => {
    const { x, y } = k.global;
    if (k.inRange) tile[k.local.y * 8 + k.local.x] = a[y * k.globalSize.x + x]!;
    k.barrier();
    if (k.inRange) out[x * k.globalSize.y + y] = tile[k.local.y * 8 + k.local.x]!;
  },
);

const sumOf = helper('sumOf', { args: { xs: array(u32), count: u32 }, returns: u32 }, (k, { xs, count }) => {
  let sum = k.u32(0);
  for (let i = k.u32(0); i < count; i++) sum += xs.get(i);
  return sum;
});

/** Counts in the group first; helpers over arrays of the group and of the grid; values kept across barriers. */
const counted = gridKernel(
  'test/counted',
  {
    params: { a: input(u32), bins: atomic(u32), kept: output(u32), total: output(u32) },
    workgroup: 16,
    grid: 'full-groups',
    shared: { counts: sharedAtomic(u32, 4), seen: shared(u32, 16) },
    uses: { sumOf },
  },
  (k, { a, bins, kept, total, counts, seen }) => {
    const l = k.local.x;
    const i = k.global.x;
    let mine = k.u32(0);
    if (k.inRange) {
      mine = a[i]!;
      k.atomicAdd(counts, mine % 4, 1);
    }
    seen[l] = mine;
    k.barrier();
    if (l < 4) k.atomicAdd(bins, l, k.atomicLoad(counts, l));
    if (k.inRange) kept[i] = mine * 2 + seen[(l + 1) % 16]!;
    k.barrier();
    if (l === 0) total[k.group.x] = k.uses.sumOf({ xs: seen, count: 16 }) + k.uses.sumOf({ xs: a, count: 2 });
  },
);

/** Every id, in groups of three axes of which the last ones are cut off. */
const placed = gridKernel(
  'test/placed',
  {
    params: { out: output(struct({ local: u32, group: u32, count: u32, size: u32 })), runs: atomic(i64) },
    workgroup: [4, 3, 2],
  },
  (k, { out, runs }) => {
    const i = k.global.x + k.globalSize.x * (k.global.y + k.globalSize.y * k.global.z);
    out.local[i] = k.local.x + 10 * k.local.y + 100 * k.local.z;
    out.group[i] = k.group.x + 10 * k.group.y + 100 * k.group.z;
    out.count[i] = k.groupCount.x + 10 * k.groupCount.y + 100 * k.groupCount.z;
    out.size[i] = k.localSize.x + 10 * k.localSize.y + 100 * k.localSize.z;
    k.atomicAdd(runs, 0, 1n);
  },
);

/** Leaves early, reads a shared array before anything was written there, and goes beyond it. */
const early = gridKernel(
  'test/early',
  { params: { limit: uniform(u32), out: output(u32) }, workgroup: 8, shared: { zeros: shared(u32, 4) } },
  (k, { limit, out, zeros }) => {
    const i = k.global.x;
    for (let j = k.u32(0); j < 10; j++) {
      if (j === i % 4) {
        out[i] = j + zeros[j]! + 100;
        return;
      }
      if (i >= limit) break;
    }
    out[i] = zeros[i]!;
    zeros[k.local.x] = 7;
  },
);

/** Ids do different things where branches of the group end, and before it leaves a loop. */
const parted = gridKernel(
  'test/parted',
  { params: { n: uniform(u32), a: input(u32), runs: atomic(u32) }, workgroup: 8, grid: 'full-groups' },
  (k, { n, a, runs }) => {
    if (n > 0) {
      k.barrier();
      if (k.inRange) k.atomicAdd(runs, 0, 1);
    }
    k.barrier();
    for (let round = k.u32(0); round < 4; round++) {
      k.barrier();
      if (k.inRange) k.atomicAdd(runs, 1, 1);
      else k.atomicAdd(runs, 2, a[k.global.x]! + 1);
      if (n > 0) break;
      k.atomicAdd(runs, 3, 1);
    }
    if (n > 1) {
      k.barrier();
      if (!k.inRange) k.atomicAdd(runs, 3, 1);
    }
  },
);

/** Rounds NaNs that a compiler knows, which PoCL 3.1 takes for undefined once it has split the kernel at a barrier. */
const unordered = gridKernel(
  'test/unordered',
  {
    params: { sums: output(u32), rounded: output(struct({ a: f32, b: f32, c: f32, d: f64, e: f64, f: f64 })) },
    workgroup: 8,
    grid: 'full-groups',
    shared: { tile: shared(u32, 8) },
  },
  (k, { sums, rounded, tile }) => {
    tile[k.local.x] = k.local.x;
    k.barrier();
    if (!k.inRange) return;
    const i = k.global.x;
    sums[i] = tile[7 - k.local.x]!;
    rounded.a[i] = k.floor(k.bitcast('f32', k.i32(-7)));
    rounded.b[i] = k.ceil(k.bitcast('f32', k.i32(-7)));
    rounded.c[i] = k.trunc(k.bitcast('f32', k.i32(-7)));
    rounded.d[i] = k.floor(k.bitcast('f64', k.i64(-7n)));
    rounded.e[i] = k.ceil(k.bitcast('f64', k.i64(-7n)));
    rounded.f[i] = k.trunc(k.bitcast('f64', k.i64(-7n)));
  },
);

export const WORKGROUP_CASES: readonly KernelCase[] = [
  reductionCase(150),
  transposedCase(11, 6),
  countedCase(40),
  placedCase([6, 4, 3]),
  earlyCase(20, 10),
  partedCase(19),
  unorderedCase(9),
];

function unorderedCase(size: number): KernelCase {
  const rounded = Object.fromEntries([...'abcdef'].map((field) => [field, range(size).map(() => NaN)]));
  return {
    definition: unordered,
    args: { size, values: { sums: size, rounded: size } },
    outputs: { sums: range(size).map((i) => 7 - (i % 8)), rounded },
  };
}

function reductionCase(size: number): KernelCase {
  const a = numbers(size);
  const groups = Math.ceil(size / 64);
  const sums = range(groups).map((g) => a.slice(64 * g, 64 * g + 64).reduce((sum, x) => sum + x, 0));
  return { definition: reduction, args: { size, values: { a, sums: groups } }, outputs: { sums } };
}

function transposedCase(width: number, height: number): KernelCase {
  const a = numbers(width * height);
  const out = range(width * height).map((i) => a[(i % height) * width + Math.floor(i / height)] ?? 0);
  return {
    definition: transposed,
    args: { size: [width, height, 1], values: { a, out: width * height } },
    outputs: { out },
  };
}

function countedCase(size: number): KernelCase {
  const a = numbers(size);
  const groups = Math.ceil(size / 16);
  const inGroup = (g: number): number[] => range(16).map((l) => a[16 * g + l] ?? 0);
  return {
    definition: counted,
    args: { size, values: { a, bins: 4, kept: size, total: groups } },
    outputs: {
      bins: range(4).map((bin) => a.filter((x) => x % 4 === bin).length),
      kept: a.map((x, i) => x * 2 + (inGroup(Math.floor(i / 16))[(i + 1) % 16] ?? 0)),
      total: range(groups).map((g) => inGroup(g).reduce((sum, x) => sum + x, 0) + (a[0] ?? 0) + (a[1] ?? 0)),
    },
  };
}

function placedCase(size: readonly [number, number, number]): KernelCase {
  const [sx, sy, sz] = size;
  const ids = range(sx * sy * sz).map((i) => [i % sx, Math.floor(i / sx) % sy, Math.floor(i / sx / sy)] as const);
  const digits = (x: number, y: number, z: number): number => x + 10 * y + 100 * z;
  const floor = Math.floor;
  return {
    definition: placed,
    args: { size, values: { out: ids.length, runs: 1 } },
    outputs: {
      out: {
        local: ids.map(([x, y, z]) => digits(x % 4, y % 3, z % 2)),
        group: ids.map(([x, y, z]) => digits(floor(x / 4), floor(y / 3), floor(z / 2))),
        count: ids.map(() => digits(Math.ceil(sx / 4), Math.ceil(sy / 3), Math.ceil(sz / 2))),
        size: ids.map(() => digits(4, 3, 2)),
      },
      runs: [BigInt(ids.length)],
    },
  };
}

function earlyCase(size: number, limit: number): KernelCase {
  const leaves = (i: number): boolean => i < limit || i % 4 === 0;
  return {
    definition: early,
    args: { size, values: { limit, out: size } },
    outputs: { out: range(size).map((i) => (leaves(i) ? (i % 4) + 100 : 0)) },
    // Whoever stays reads beyond four elements, and writes beyond them where its local id is 4 or more.
    violations: range(size)
      .filter((i) => !leaves(i))
      .reduce((sum, i) => sum + (i >= 4 ? 1 : 0) + (i % 8 >= 4 ? 1 : 0), 0),
  };
}

function partedCase(size: number): KernelCase {
  const beyond = Math.ceil(size / 8) * 8 - size;
  return {
    definition: parted,
    args: { size, values: { n: 2, a: numbers(size), runs: 4 } },
    outputs: { runs: [size, size, beyond, beyond] },
    violations: beyond,
  };
}
