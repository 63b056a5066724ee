import { Op, Status } from '@gpu-bridge/protocol';
import type { BackendCase, BackendContext } from '../backend-case.js';
import { expectBits, expectStatus } from '../expectations.js';
import { growCells, strayGrid, strayPush } from '../kernels.js';
import { rawArtifact } from '../raw-artifacts.js';
import type { RawKernel } from '../raw-artifacts.js';
import type { DeviceDriver } from '../../driver/device-driver.js';
import { Unsupported } from '../../driver/unsupported.js';

/** An ordinary kernel still runs on every executor. */
async function expectHealthy(driver: DeviceDriver): Promise<void> {
  const kernel = await driver.load(growCells);
  for (const executor of driver.device.executors) {
    const args = driver.bind(kernel, { itemCount: 2, inputs: { cells: [5, 6], by: 1 } });
    expectStatus(await driver.run(kernel, args, 2, { executor }), Status.OK);
    expectBits('cells', args.column('cells'), [6, 7]);
  }
}

function artifactOf(raw: RawKernel, { description }: BackendContext) {
  const artifact = rawArtifact(raw, description.targets);
  if (artifact === undefined) throw new Unsupported(`no hand-written kernel for ${description.targets.join(', ')}`);
  return artifact;
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
    name: 'reports a kernel that traps as KERNEL_FAULT, and goes on',
    async run(context) {
      const driver = await context.open();
      const kernel = await driver.loadArtifact(artifactOf('fault', context));
      const paramsLow = driver.arena.allocate('an argument block', 64);
      for (const executor of driver.device.executors) {
        const faulted = driver.submit({ executor, kernel, paramsLow, itemCount: 1 });
        expectStatus(await driver.answer(faulted), Status.KERNEL_FAULT);
      }
      await expectHealthy(driver);
    },
  },
  {
    name: 'reports a module that cannot be instantiated as LOAD_FAILED, and survives restarts with it',
    async run(context) {
      const driver = await context.open();
      const kernel = await driver.provide(artifactOf('unlinkable', context));
      const paramsLow = driver.arena.allocate('an argument block', 64);
      for (const executor of driver.device.executors) {
        const loading = driver.submit({ executor, op: Op.LOAD_KERNEL, kernel });
        expectStatus(await driver.answer(loading), Status.LOAD_FAILED);
      }
      await expectHealthy(driver);
      await driver.within('kill', () => driver.executor.kill());
      await driver.within('start', () => driver.executor.start());
      const run = driver.submit({ kernel, paramsLow, itemCount: 1 });
      expectStatus(await driver.answer(run), Status.UNKNOWN_KERNEL);
      await expectHealthy(driver);
    },
  },
];
