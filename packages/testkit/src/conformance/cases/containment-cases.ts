import assert from 'node:assert/strict';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { Op, Status } from '@gpu-bridge/protocol';
import type { BackendCase } from '../backend-case.js';
import { expectBits, expectStatus } from '../expectations.js';
import { startAgain } from '../fate.js';
import { growCells, strayGrid, strayPush } from '../kernels.js';
import { rawArtifact } from '../raw-artifacts.js';
import type { DeviceDriver, Submitted } from '../../driver/device-driver.js';

/** An ordinary kernel still runs on every executor. */
async function expectHealthy(driver: DeviceDriver): Promise<void> {
  const kernel = await driver.load(growCells);
  for (const executor of driver.device.executors) {
    const args = driver.bind(kernel, { itemCount: 2, inputs: { cells: [5, 6], by: 1 } });
    expectStatus(await driver.run(kernel, args, 2, { executor }), Status.OK);
    expectBits('cells', args.column('cells'), [6, 7]);
  }
}

export const containmentCases: readonly BackendCase[] = [
  {
    name: 'counts accesses outside an array, reads 0 there and writes nothing',
    async run({ open }) {
      const driver = await open();
      const kernel = await driver.load(strayGrid);
      const itemCount = 50;
      const a = Array.from({ length: itemCount }, () => 1_000);
      const args = driver.bind(kernel, { itemCount, inputs: { a } });
      expectStatus(await driver.run(kernel, args, itemCount), Status.OK, 2 * itemCount);
      expectBits(
        'out',
        args.column('out'),
        a.map(() => 1),
      );
      driver.arena.assertIntact();
      expectStatus(await driver.run(kernel, args, 1, { firstItem: 7 }), Status.OK, 2);
    },
  },
  {
    name: 'drops and counts what is pushed beyond the room of a list',
    async run({ open }) {
      const driver = await open();
      const kernel = await driver.load(strayPush);
      const lines = { offsets: [0, 2, 2, 5], columns: { value: [1, 2, 3, 4, 5] } };
      const args = driver.bind(kernel, { itemCount: 3, inputs: { lines } });
      expectStatus(await driver.run(kernel, args, 3), Status.OK, 3);
      expectBits('counts', args.column('out', 'counts'), [2, 0, 3]);
      expectBits('elements', args.column('out'), [1, 2, 3, 4, 5]);
      driver.arena.assertIntact();
    },
  },
  {
    name: 'starts the count of violations anew for every entry',
    async run({ open }) {
      const driver = await open();
      const stray = await driver.load(strayGrid);
      const clean = await driver.load(growCells);
      const wrong = driver.bind(stray, { itemCount: 3, inputs: { a: [1, 2, 3] } });
      const right = driver.bind(clean, { itemCount: 3, inputs: { cells: [1, 2, 3], by: 1 } });
      expectStatus(await driver.run(stray, wrong, 3), Status.OK, 6);
      expectStatus(await driver.run(clean, right, 3), Status.OK, 0);
      expectStatus(await driver.run(stray, wrong, 1), Status.OK, 2);
    },
  },
  {
    name: 'reports a kernel that traps as KERNEL_FAULT and goes on, or as the end of its process, and starts again',
    async run({ open, description }) {
      const driver = await open();
      const kernel = await driver.loadArtifact(rawArtifact('fault', description.targets));
      const paramsLow = driver.blockWithoutParameters();
      for (const executor of driver.device.executors) {
        const trap = driver.submit({ executor, kernel, paramsLow, itemCount: 1 });
        if (description.faultDomain === 'executor') expectStatus(await driver.answer(trap), Status.KERNEL_FAULT);
        else await expectEndOfAll(driver, trap);
      }
      await expectHealthy(driver);
    },
  },
  {
    name: 'refuses a module that cannot be instantiated at once or as LOAD_FAILED, and survives restarts with it',
    async run({ open, description }) {
      const driver = await open();
      // A device that instantiates while it prepares says so earlier.
      await driver.provide(rawArtifact('unlinkable', description.targets)).catch((error: unknown) => {
        assert.ok(GpuBridgeError.is(error, 'KERNEL_BUILD_FAILED'), String(error));
      });
      const kernel = driver.lastKernel;
      const paramsLow = driver.blockWithoutParameters();
      for (const executor of driver.device.executors) {
        const loading = driver.submit({ executor, op: Op.LOAD_KERNEL, kernel });
        expectStatus(await driver.answer(loading), Status.LOAD_FAILED);
      }
      await expectHealthy(driver);
      await driver.within('kill', () => driver.executor.kill());
      await startAgain(driver, driver.executor);
      const run = driver.submit({ kernel, paramsLow, itemCount: 1 });
      expectStatus(await driver.answer(run), Status.UNKNOWN_KERNEL);
      await expectHealthy(driver);
    },
  },
];

/** The entry ends the process of all executors, each is told of a fault, and its own ring names it. */
async function expectEndOfAll(driver: DeviceDriver, { executor, position }: Submitted): Promise<void> {
  const causes: string[] = [];
  for (const one of driver.device.executors) one.onExit = (_reason, cause) => causes.push(cause);
  const all = driver.device.executors.length;
  await driver.until('the end of the process', () => causes.length === all);
  assert.deepEqual(causes, Array<string>(all).fill('fault'));
  assert.ok(executor.ring.isRunning(position), 'the ring names the entry that ran');
  assert.equal(executor.ring.ready(), false);
  await startAgain(driver, executor);
}
