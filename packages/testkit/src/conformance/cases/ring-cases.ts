import assert from 'node:assert/strict';
import { MODE_NUMBERS } from '@gpu-bridge/abstractions';
import { Mode, Op, Status } from '@gpu-bridge/protocol';
import type { BackendCase } from '../backend-case.js';
import { UNTOUCHED_U32, expectBits, expectStatus } from '../expectations.js';
import { gridIds, gridPairs, growCells, reverseLists, stamp } from '../kernels.js';
import type { BoundArguments } from '../../driver/bind-arguments.js';
import type { DeviceDriver, LoadedKernel, Submitted } from '../../driver/device-driver.js';

/** The workhorse, bound over `itemCount` items whose input is their index times 3. */
async function stamped(
  driver: DeviceDriver,
  itemCount: number,
): Promise<{ kernel: LoadedKernel; args: BoundArguments }> {
  const kernel = await driver.load(stamp);
  return {
    kernel,
    args: driver.bind(kernel, { itemCount, inputs: { a: Array.from({ length: itemCount }, (_, i) => 3 * i) } }),
  };
}
/** What `stamped` gives for an item that ran. */
const stampOf = (item: number): number => 10 * item;

function expectStamps(args: BoundArguments, ran: (item: number) => boolean): void {
  const out = args.column('out');
  expectBits(
    'out',
    out,
    Array.from({ length: out.length }, (_, i) => (ran(i) ? stampOf(i) : UNTOUCHED_U32)),
  );
}

/** A copy of an argument block with another number as one of its words; its offset. */
function blockWith(
  driver: DeviceDriver,
  kernel: LoadedKernel,
  args: BoundArguments,
  word: number,
  value: number,
): number {
  const { sizeBytes } = kernel.descriptor.layout;
  const copy = driver.arena.allocate('a block that makes no sense', sizeBytes);
  const words = new Uint32Array(driver.device.memory, copy, sizeBytes / 4);
  words.set(new Uint32Array(driver.device.memory, args.offset, sizeBytes / 4));
  words[word] = value;
  return copy;
}

export const ringCases: readonly BackendCase[] = [
  {
    name: 'completes entries in the order of their submission, each with its own userData and generation',
    async run({ open, random }) {
      const driver = await open();
      const { kernel, args } = await stamped(driver, 1_000);
      const { executor } = driver;
      const submitted: Submitted[] = [];
      while (executor.ring.free > 0) {
        const [userDataLow, userDataHigh] = [random.u32(), random.u32()];
        // Long and short ones in turn, so that a later one could be done earlier.
        const itemCount = submitted.length % 2 === 0 ? 1_000 : 1;
        submitted.push(driver.submitRun(kernel, args, itemCount, { userDataLow, userDataHigh }));
      }
      // All but the last are complete then, and wait side by side.
      const { position } = submitted.at(-1)!;
      await driver.until('the last entry to run', () => executor.ring.isRunning(position));
      for (const one of submitted) expectStatus(await driver.answer(one), Status.OK);
      assert.equal(executor.ring.outstanding, 0);
      expectStamps(args, () => true);
    },
  },
  {
    name: 'takes many times more entries than the ring holds',
    async run({ open }) {
      const driver = await open();
      const { executors } = driver.device;
      const total = 5 * driver.executor.ring.memory.capacity + 3;
      const { kernel, args } = await stamped(driver, total * executors.length);
      const sent = executors.map((): Submitted[] => []);
      for (let done = 0; done < total; done++) {
        for (const [e, executor] of executors.entries()) {
          while (executor.ring.free > 0 && sent[e]!.length < total) {
            const firstItem = sent[e]!.length * executors.length + e;
            sent[e]!.push(driver.submitRun(kernel, args, 1, { executor, firstItem }));
          }
          expectStatus(await driver.answer(sent[e]![done]!), Status.OK);
        }
      }
      expectStamps(args, () => true);
      driver.arena.assertIntact();
    },
  },
  {
    name: 'touches the outputs of its own items only',
    async run({ open }) {
      const driver = await open();
      const { kernel, args } = await stamped(driver, 100);
      for (const [firstItem, itemCount] of [
        [99, 1],
        [13, 30],
        [0, 1],
      ] as const) {
        expectStatus(await driver.run(kernel, args, itemCount, { firstItem }), Status.OK);
      }
      expectStamps(args, (i) => i === 0 || i === 99 || (i >= 13 && i < 43));

      const lists = await driver.load(reverseLists);
      const columns = { account: [1, 2, 3, 4, 5], delta: [1, 2, 3, 4, 5] };
      const ragged = driver.bind(lists, { itemCount: 3, inputs: { lines: { offsets: [0, 2, 3, 5], columns } } });
      expectStatus(await driver.run(lists, ragged, 1, { firstItem: 1 }), Status.OK);
      expectBits('counts', ragged.column('reversed', 'counts'), [UNTOUCHED_U32, 2, UNTOUCHED_U32]);
      const lines = [UNTOUCHED_U32, UNTOUCHED_U32, UNTOUCHED_U32, 3, 1, UNTOUCHED_U32, UNTOUCHED_U32, UNTOUCHED_U32];
      expectBits('accounts', ragged.column('reversed', 'account'), lines);
      driver.arena.assertIntact();
    },
  },
  {
    name: 'runs nothing for zero items, and says so with success',
    async run({ open }) {
      const driver = await open();
      const { kernel, args } = await stamped(driver, 10);
      for (const firstItem of [0, 5, 10]) expectStatus(await driver.run(kernel, args, 0, { firstItem }), Status.OK);
      expectStamps(args, () => false);
      const empty = await stamped(driver, 0);
      expectStatus(await driver.run(empty.kernel, empty.args, 0), Status.OK);
      driver.arena.assertIntact();
    },
  },
  {
    name: 'answers an unknown operation and an unknown kernel with their status, and goes on',
    async run({ open }) {
      const driver = await open();
      const { kernel, args } = await stamped(driver, 10);
      for (const op of [0, 99, 2 ** 32 - 1]) {
        expectStatus(await driver.run(kernel, args, 10, { op }), Status.UNKNOWN_OP);
      }
      for (const number of [0, kernel.kernelNumber + 1, 2 ** 32 - 1]) {
        expectStatus(await driver.run(kernel, args, 10, { kernel: number }), Status.UNKNOWN_KERNEL);
      }
      expectStamps(args, () => false);
      expectStatus(await driver.run(kernel, args, 10), Status.OK);
      expectStamps(args, () => true);
    },
  },
  {
    name: 'answers LOAD_KERNEL for a kernel that nobody provided with LOAD_FAILED',
    async run({ open }) {
      const driver = await open();
      const { kernel, args } = await stamped(driver, 4);
      expectStatus(await driver.answer(driver.submit({ op: Op.LOAD_KERNEL, kernel: 4_711 })), Status.LOAD_FAILED);
      expectStatus(await driver.run(kernel, args, 4), Status.OK);
    },
  },
  {
    name: 'refuses an argument block outside the arena',
    async run({ open }) {
      const driver = await open();
      const { arenaOffset, arenaBytes } = driver.device;
      const { kernel, args } = await stamped(driver, 10);
      const blocks = [
        { paramsLow: arenaOffset + arenaBytes },
        { paramsLow: 0xffff_fff0 },
        { paramsLow: args.offset, paramsHigh: 1 },
        { paramsLow: args.offset + 4 },
        ...(arenaOffset === 0 ? [] : [{ paramsLow: 0 }, { paramsLow: arenaOffset - 64 }]),
      ];
      for (const block of blocks) {
        expectStatus(await driver.run(kernel, args, 10, block), Status.BAD_ARGUMENT_BLOCK);
      }
      expectStamps(args, () => false);
      driver.arena.assertIntact();
      expectStatus(await driver.run(kernel, args, 10), Status.OK);
    },
  },
  {
    name: 'refuses ranges beyond the items, ids or groups of a block, and the number of another executor',
    async run({ open }) {
      const driver = await open();
      const { kernel, args } = await stamped(driver, 10);
      for (const range of [
        { firstItem: 0, itemCount: 11 },
        { firstItem: 10, itemCount: 1 },
        { firstItem: 2 ** 32 - 1, itemCount: 10 },
        { group: driver.executor.group + 1 },
      ]) {
        expectStatus(await driver.run(kernel, args, 10, range), Status.BAD_RANGE);
      }
      expectStamps(args, () => false);
      const ids = await driver.load(gridIds);
      const cells = driver.bind(ids, { itemCount: 60, grid: [5, 4, 3], inputs: {} });
      expectStatus(await driver.run(ids, cells, 2, { firstItem: 59 }), Status.BAD_RANGE);
      expectStatus(await driver.run(ids, cells, 1, { firstItem: 59 }), Status.OK);
      expectStatus(await driver.run(kernel, args, 10), Status.OK);
      driver.arena.assertIntact();
    },
  },
  {
    name: 'refuses a block that names memory outside the arena',
    async run({ open }) {
      const driver = await open();
      const { arenaOffset, arenaBytes } = driver.device;
      const { kernel, args } = await stamped(driver, 10);
      const end = arenaOffset + arenaBytes;
      // Word 5 of the block is the length of the input, words 6 and 7 are its offset.
      for (const [word, value] of [
        [5, 2 ** 32 - 1],
        [6, end - 4],
        [6, arenaOffset - 64],
        [7, 1],
      ] as const) {
        const paramsLow = blockWith(driver, kernel, args, word, value);
        expectStatus(await driver.run(kernel, args, 10, { paramsLow }), Status.BAD_ARGUMENT_BLOCK);
      }
      expectStamps(args, () => false);
      expectStatus(await driver.run(kernel, args, 10), Status.OK);
      driver.arena.assertIntact();
    },
  },
  {
    name: 'refuses a block with fewer elements than its items or the first column of an array need',
    async run({ open }) {
      const driver = await open();
      const stamps = await stamped(driver, 10);
      const lists = await driver.load(reverseLists);
      const lines = { offsets: [0, 2, 3, 5], columns: { account: [1, 2, 3, 4, 5], delta: [1, 2, 3, 4, 5] } };
      const reversed = driver.bind(lists, { itemCount: 3, inputs: { lines } });
      const ids = await driver.load(gridPairs);
      const pairs = driver.bind(ids, { itemCount: 6, inputs: {} });
      const short = [
        { ...stamps, items: 10, slot: 'a.column', elements: 9 },
        { ...stamps, items: 10, slot: 'out.column', elements: 0 },
        { kernel: lists, args: reversed, items: 3, slot: 'lines.offsets', elements: 3 },
        { kernel: lists, args: reversed, items: 3, slot: 'reversed.counts', elements: 2 },
        // Each item may push one element more than its list has.
        { kernel: lists, args: reversed, items: 3, slot: 'reversed.column', elements: 2 },
        { kernel: ids, args: pairs, items: 6, slot: 'pairs.column', elements: 5 },
      ];
      for (const { kernel, args, items, slot, elements } of short) {
        // Of the columns of a parameter the last one.
        const index = kernel.descriptor.layout.slots.findLastIndex(({ param, part }) => `${param}.${part}` === slot);
        const paramsLow = blockWith(driver, kernel, args, 4 * (1 + index) + 1, elements);
        const done = await driver.run(kernel, args, items, { paramsLow });
        assert.deepEqual({ slot, status: done.status }, { slot, status: Status.BAD_ARGUMENT_BLOCK });
      }
      expectStamps(stamps.args, () => false);
      expectBits('counts', reversed.column('reversed', 'counts'), Array<number>(3).fill(UNTOUCHED_U32));
      expectBits('second', pairs.column('pairs', 'second'), Array<number>(6).fill(UNTOUCHED_U32));
      for (const { kernel, args, items } of short) expectStatus(await driver.run(kernel, args, items), Status.OK);
      expectBits('second', pairs.column('pairs', 'second'), [0, 10, 20, 30, 40, 50]);
      // A block with columns to spare is none of these.
      const paramsLow = blockWith(driver, ids, pairs, 5, 4);
      expectStatus(await driver.run(ids, pairs, 4, { paramsLow }), Status.OK);
      driver.arena.assertIntact();
    },
  },
  {
    name: 'runs kernels that were loaded before and after it is sealed, in each mode that it lists',
    async run({ open, description }) {
      const driver = await open();
      const before = await driver.loadUnsealed(stamp);
      await driver.seal();
      const after = await driver.loadUnsealed(growCells);
      const modes = [...driver.device.description.executionModes, description.executionMode];
      for (const [i, mode] of modes.entries()) {
        // The last one asks for nothing.
        const asked = i < modes.length - 1 ? MODE_NUMBERS[mode] : Mode.ANY;
        const args = driver.bind(before, { itemCount: 3, inputs: { a: [0, 3, 6] } });
        const done = await driver.run(before, args, 3, { mode: asked });
        expectStatus(done, Status.OK);
        assert.deepEqual({ asked, ran: done.mode }, { asked, ran: MODE_NUMBERS[mode] });
        expectStamps(args, () => true);
        const cells = driver.bind(after, { itemCount: 3, inputs: { cells: [1, 2, 3], by: 10 } });
        expectStatus(await driver.run(after, cells, 3, { mode: asked }), Status.OK);
        expectBits('cells', cells.column('cells'), [11, 12, 13]);
      }
      driver.arena.assertIntact();
    },
  },
  {
    name: 'refuses entries of another generation and runs nothing of them',
    async run({ open }) {
      const driver = await open();
      const { kernel, args } = await stamped(driver, 10);
      const { generation } = driver.executor;
      for (const other of [generation - 1, generation + 1, 2 ** 32 - 1]) {
        expectStatus(await driver.run(kernel, args, 10, { generation: other }), Status.STALE_GENERATION);
        const load = driver.submit({ op: Op.LOAD_KERNEL, kernel: kernel.kernelNumber, generation: other });
        expectStatus(await driver.answer(load), Status.STALE_GENERATION);
      }
      expectStamps(args, () => false);
      expectStatus(await driver.run(kernel, args, 10), Status.OK);
    },
  },
  {
    name: 'takes kernels that are provided while it runs, on every executor',
    async run({ open }) {
      const driver = await open();
      const first = await stamped(driver, 8);
      expectStatus(await driver.run(first.kernel, first.args, 8), Status.OK);
      const later = await driver.load(growCells);
      for (const executor of driver.device.executors) {
        const args = driver.bind(later, { itemCount: 3, inputs: { cells: [1, 2, 3], by: 10 } });
        expectStatus(await driver.run(later, args, 3, { executor }), Status.OK);
        expectBits('cells', args.column('cells'), [11, 12, 13]);
        expectStatus(await driver.run(first.kernel, first.args, 8, { executor }), Status.OK);
      }
      expectStamps(first.args, () => true);
    },
  },
  {
    name: 'is woken by a submission after it has gone idle, again and again',
    async run({ open, description }) {
      const driver = await open();
      const { executor } = driver;
      const { kernel, args } = await stamped(driver, 20);
      const leases = executor.ring.leases();
      for (let item = 0; item < 20; item++) {
        // Only leased executors promise to park.
        if (description.executionMode === 'leased') {
          await driver.until('the executor to park', () => executor.ring.isExecutorParked());
        }
        expectStatus(await driver.run(kernel, args, 1, { firstItem: item }), Status.OK);
      }
      if (description.executionMode === 'leased') assert.ok(executor.ring.leases() > leases, 'waking begins a lease');
      expectStamps(args, () => true);
    },
  },
];
