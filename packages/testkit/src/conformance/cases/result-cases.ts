import assert from 'node:assert/strict';
import { Status } from '@gpu-bridge/protocol';
import type { BackendCase } from '../backend-case.js';
import { expectBits, expectStatus } from '../expectations.js';
import {
  gridIds,
  growCells,
  histogram32,
  histogram64,
  reverseLists,
  scalars32,
  scalars64,
  uniforms32,
  uniforms64,
} from '../kernels.js';
import type { DeviceDriver, LoadedKernel } from '../../driver/device-driver.js';
import type { BoundArguments } from '../../driver/bind-arguments.js';
import type { SeededRandom } from '../../random/seeded-random.js';

const ITEMS = 257;
const F32_EDGES = [0, -0, 1, -1, 3.4028234663852886e38, 1.401298464324817e-45, Infinity, -Infinity].map(Math.fround);
const F64_EDGES = [0, -0, 1, -1, Number.MAX_VALUE, Number.MIN_VALUE, Infinity, -Infinity];
const I32_EDGES = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)];
const U32_EDGES = [0, 1, 2 ** 31, 2 ** 32 - 1];
const I64_EDGES = [0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 32n, -(2n ** 53n)];
const U64_EDGES = [0n, 1n, 2n ** 63n, 2n ** 64n - 1n];

/** Edge values first, random ones up to `ITEMS`. */
function values<T>(random: SeededRandom, edges: readonly T[], make: () => T): T[] {
  return [...edges, ...random.list(ITEMS - edges.length, make)];
}

function inputsOf(random: SeededRandom) {
  return {
    f32: values(random, F32_EDGES, () => Math.fround(random.between(-1e6, 1e6))),
    f64: values(random, F64_EDGES, () => random.between(-1e9, 1e9)),
    i32: values(random, I32_EDGES, () => random.u32() | 0),
    u32: values(random, U32_EDGES, () => random.u32()),
    bool: values(random, [true, false], () => random.below(2) === 1),
    i64: values(random, I64_EDGES, () => BigInt.asIntN(64, random.u64())),
    u64: values(random, U64_EDGES, () => random.u64()),
  };
}

/** Runs ids or items [0, count) in uneven chunks, turn by turn on every executor, all submitted before any is awaited. */
async function runInChunks(
  driver: DeviceDriver,
  kernel: LoadedKernel,
  args: BoundArguments,
  count: number,
): Promise<void> {
  const { executors } = driver.device;
  const cuts = [0, 1, Math.floor(count / 3), Math.floor(count / 2), count - 1, count];
  const submitted = cuts.slice(1).map((end, i) => {
    const firstItem = cuts[i]!;
    return driver.submitRun(kernel, args, end - firstItem, { executor: executors[i % executors.length]!, firstItem });
  });
  for (const one of submitted) expectStatus(await driver.answer(one), Status.OK);
}

export const resultCases: readonly BackendCase[] = [
  {
    name: 'computes 32-bit scalars of every type, bit for bit',
    async run({ open, random }) {
      const driver = await open();
      const kernel = await driver.load(scalars32);
      const { f32: a, i32: b, u32: c, bool: d } = inputsOf(random);
      const args = driver.bind(kernel, { itemCount: ITEMS, inputs: { a, b, c, d } });
      expectStatus(await driver.run(kernel, args, ITEMS), Status.OK);
      expectBits(
        'f32',
        args.column('w'),
        a.map((x) => Math.fround(x * 1.25)),
      );
      expectBits(
        'i32',
        args.column('x'),
        b.map((x) => (x + 2147483647) | 0),
      );
      expectBits(
        'u32',
        args.column('y'),
        c.map((x) => (x * 5) >>> 0),
      );
      expectBits(
        'bool',
        args.column('z'),
        d.map((x) => (x ? 0 : 1)),
      );
      driver.arena.assertIntact();
    },
  },
  {
    name: 'computes 64-bit scalars of every type, bit for bit',
    async run({ open, random }) {
      const driver = await open();
      const kernel = await driver.load(scalars64);
      const { f64: a, i64: b, u64: c } = inputsOf(random);
      const args = driver.bind(kernel, { itemCount: ITEMS, inputs: { a, b, c } });
      expectStatus(await driver.run(kernel, args, ITEMS), Status.OK);
      expectBits(
        'f64',
        args.column('x'),
        a.map((x) => x * 1.1),
      );
      expectBits(
        'i64',
        args.column('y'),
        b.map((x) => BigInt.asIntN(64, x * -3n)),
      );
      expectBits(
        'u64',
        args.column('z'),
        c.map((x) => BigInt.asUintN(64, x - 1n)),
      );
      driver.arena.assertIntact();
    },
  },
  {
    name: 'reads 32-bit uniforms and writes records',
    async run({ open, random }) {
      const driver = await open();
      const kernel = await driver.load(uniforms32);
      const { f32: a, i32: b, u32: c } = inputsOf(random);
      const [scale, shift, mask, flip] = [Math.fround(-2.7), -(2 ** 31), 0xf0f0f0f0, true];
      const args = driver.bind(kernel, { itemCount: ITEMS, inputs: { scale, shift, mask, flip, a, b, c } });
      expectStatus(await driver.run(kernel, args, ITEMS), Status.OK);
      expectBits(
        'scaled',
        args.column('out', 'scaled'),
        a.map((x) => Math.fround(x * scale)),
      );
      expectBits(
        'shifted',
        args.column('out', 'shifted'),
        b.map((x) => (x + shift) | 0),
      );
      expectBits(
        'masked',
        args.column('out', 'masked'),
        c.map((x) => (x & mask) >>> 0),
      );
      expectBits(
        'flipped',
        args.column('out', 'flipped'),
        c.map(() => 1),
      );
      driver.arena.assertIntact();
    },
  },
  {
    name: 'reads 64-bit uniforms and records',
    async run({ open, random }) {
      const driver = await open();
      const kernel = await driver.load(uniforms64);
      const { f64: a, i64: b, u64: c } = inputsOf(random);
      const [scale, shift, mask] = [1 / 3, -(2n ** 63n), 0xf0f0f0f0f0f0f0f0n];
      const args = driver.bind(kernel, { itemCount: ITEMS, inputs: { scale, shift, mask, pair: { a, b, c } } });
      expectStatus(await driver.run(kernel, args, ITEMS), Status.OK);
      expectBits(
        'scaled',
        args.column('out', 'scaled'),
        a.map((x) => x * scale),
      );
      expectBits(
        'shifted',
        args.column('out', 'shifted'),
        b.map((x) => BigInt.asIntN(64, x + shift)),
      );
      expectBits(
        'masked',
        args.column('out', 'masked'),
        c.map((x) => x & mask),
      );
      driver.arena.assertIntact();
    },
  },
  {
    name: 'runs ragged lists through scratch, on every executor at once',
    async run({ open, random }) {
      const driver = await open();
      const kernel = await driver.load(reverseLists);
      const lengths = [0, 1, 0, 40, ...random.list(60, () => random.below(9)), 0];
      const offsets = lengths.reduce((all, n) => [...all, all.at(-1)! + n], [0]);
      const total = offsets.at(-1)!;
      const account = random.list(total, () => random.u32());
      const delta = random.list(total, () => random.u32() | 0);
      const itemCount = lengths.length;
      const args = driver.bind(kernel, { itemCount, inputs: { lines: { offsets, columns: { account, delta } } } });
      await runInChunks(driver, kernel, args, itemCount);
      expectBits(
        'counts',
        args.column('reversed', 'counts'),
        lengths.map((n) => n + 1),
      );
      for (let i = 0; i < itemCount; i++) {
        const [from, to] = [offsets[i]!, offsets[i + 1]!];
        const start = from + i; // a * offsets[i] + b * i with max [1, 1]
        const list = (name: string) => args.column('reversed', name).subarray(start, start + to - from + 1);
        expectBits(`accounts of item ${i}`, list('account'), [...account.slice(from, to).reverse(), to - from]);
        expectBits(`deltas of item ${i}`, list('delta'), [...delta.slice(from, to).reverse(), -1]);
      }
      driver.arena.assertIntact();
    },
  },
  {
    name: 'gives every id of a three-dimensional grid its coordinates, however it is split',
    async run({ open }) {
      const driver = await open();
      const kernel = await driver.load(gridIds);
      const grid = [5, 4, 3] as const;
      const itemCount = 60;
      const args = driver.bind(kernel, { itemCount, grid, inputs: {} });
      await runInChunks(driver, kernel, args, itemCount);
      const ids = Array.from({ length: itemCount }, (_, i) => i);
      expectBits(
        'x',
        args.column('x'),
        ids.map((i) => i % 5),
      );
      expectBits(
        'y',
        args.column('y'),
        ids.map((i) => Math.floor(i / 5) % 4),
      );
      expectBits(
        'z',
        args.column('z'),
        ids.map((i) => Math.floor(i / 20)),
      );
      expectBits(
        'size',
        args.column('size'),
        ids.map(() => 50_403),
      );
      driver.arena.assertIntact();
    },
  },
  {
    name: 'adds atomically from several entries on several executors',
    async run({ open, random }) {
      const driver = await open();
      const kernel = await driver.load(histogram32);
      const itemCount = 2_001;
      const key = random.list(itemCount, () => random.u32());
      const weight = random.list(itemCount, () => random.u32() | 0);
      const args = driver.bind(kernel, { itemCount, inputs: { key, weight }, sizes: { bins: 16, sums: 16, most: 16 } });
      await runInChunks(driver, kernel, args, itemCount);
      const own = (bin: number) => key.flatMap((x, i) => ((x & 15) === bin ? [i] : []));
      const bins = Array.from({ length: 16 }, (_, bin) => own(bin));
      expectBits(
        'bins',
        args.column('bins'),
        bins.map((b) => b.length),
      );
      expectBits(
        'sums',
        args.column('sums'),
        bins.map((b) => b.reduce((sum, i) => (sum + weight[i]!) | 0, 0)),
      );
      expectBits(
        'most',
        args.column('most'),
        bins.map((b) => b.reduce((most, i) => Math.max(most, key[i]!), 0)),
      );
      driver.arena.assertIntact();
    },
  },
  {
    name: 'adds 64-bit integers atomically',
    async run({ open, random }) {
      const driver = await open();
      const kernel = await driver.load(histogram64);
      const itemCount = 1_003;
      const key = random.list(itemCount, () => random.u32());
      const weight = random.list(itemCount, () => BigInt.asIntN(64, random.u64()));
      const args = driver.bind(kernel, { itemCount, inputs: { key, weight }, sizes: { sums: 16 } });
      await runInChunks(driver, kernel, args, itemCount);
      const sums = Array.from({ length: 16 }, () => 0n);
      key.forEach((x, i) => (sums[x & 15] = BigInt.asIntN(64, sums[x & 15]! + weight[i]!)));
      expectBits('sums', args.column('sums'), sums);
      driver.arena.assertIntact();
    },
  },
  {
    name: 'rewrites an array in place, each id once',
    async run({ open, random }) {
      const driver = await open();
      const kernel = await driver.load(growCells);
      const cells = random.list(ITEMS, () => random.u32() | 0);
      const args = driver.bind(kernel, { itemCount: ITEMS, inputs: { cells, by: -7 } });
      await runInChunks(driver, kernel, args, ITEMS);
      expectBits(
        'cells',
        args.column('cells'),
        cells.map((x) => (x - 7) | 0),
      );
      driver.arena.assertIntact();
    },
  },
  {
    name: 'tells where the time went: a duration for every entry',
    async run({ open, need }) {
      need('clock');
      const driver = await open();
      const kernel = await driver.load(growCells);
      const itemCount = 5_000;
      const args = driver.bind(kernel, {
        itemCount,
        inputs: { cells: Array.from({ length: itemCount }, () => 1), by: 1 },
      });
      const { durationNs } = await driver.run(kernel, args, itemCount);
      assert.ok(durationNs > 0, 'a run of 5,000 ids took time');
    },
  },
];
