import assert from 'node:assert/strict';
import { createCqe, Status } from '@gpu-bridge/protocol';
import type { BackendCase } from '../backend-case.js';
import { arenaBytesOf, expectBits, expectStatus, expectStill, ringBytesOf, secondExecutor } from '../expectations.js';
import { fateOf, startAgain } from '../fate.js';
import { stamp } from '../kernels.js';
import { rawArtifact } from '../raw-artifacts.js';
import type { DeviceDriver, LoadedKernel, Submitted } from '../../driver/device-driver.js';
import { Unsupported } from '../../driver/unsupported.js';
import type { Executor } from '@gpu-bridge/abstractions';

/** A fresh batch of the workhorse gives the right results on this executor. */
async function expectWorks(driver: DeviceDriver, kernel: LoadedKernel, executor: Executor): Promise<void> {
  const args = driver.bind(kernel, { itemCount: 3, inputs: { a: [100, 200, 300] } });
  expectStatus(await driver.run(kernel, args, 3, { executor }), Status.OK);
  expectBits('out', args.column('out'), [100, 207, 314]);
}

interface Exit {
  readonly executor: Executor;
  readonly reason: string;
  readonly cause: 'fault' | 'collateral';
}

function watchExits(driver: DeviceDriver): Exit[] {
  const exits: Exit[] = [];
  for (const executor of driver.device.executors)
    executor.onExit = (reason, cause) => exits.push({ executor, reason, cause });
  return exits;
}

/** Kills the executor; whoever ends with it has been told so by then, and it has not. */
async function kill(driver: DeviceDriver, executor: Executor, exits: Exit[]): Promise<void> {
  await driver.within('kill', () => executor.kill());
  const others = fateOf(driver, executor).filter((other) => other !== executor);
  const told = exits.splice(0);
  assert.deepEqual(
    told.map((exit) => [exit.executor.group, exit.cause]).sort(),
    others.map(({ group }) => [group, 'collateral']),
    'a kill is reported to those that end with it, and not as an exit of the killed one',
  );
}

export const lifecycleCases: readonly BackendCase[] = [
  {
    name: 'kills an executor with entries waiting: nothing more is completed or written, its ring stays readable',
    async run({ open }) {
      const driver = await open();
      const { executor, device } = driver;
      const exits = watchExits(driver);
      const kernel = await driver.load(stamp);
      const itemCount = 5_000;
      const args = driver.bind(kernel, { itemCount, inputs: { a: Array.from({ length: itemCount }, () => 1) } });
      const { ring } = executor;
      const submitted: Submitted[] = [];
      while (ring.free > 0) submitted.push(driver.submitRun(kernel, args, itemCount));
      await kill(driver, executor, exits);

      await expectStill('after kill', ringBytesOf(executor), arenaBytesOf(device));
      assert.equal(executor.ring, ring, 'the ring is replaced by start, not by kill');
      const cqe = createCqe();
      let completed = 0;
      while (ring.reap(cqe)) {
        const { userDataLow, userDataHigh } = submitted[completed++]!.entry;
        expectStatus(cqe, Status.OK);
        assert.deepEqual([cqe.userDataLow, cqe.userDataHigh], [userDataLow, userDataHigh]);
      }
      assert.equal(ring.reap(cqe), false, 'a dead executor completes nothing');
      assert.deepEqual(exits, [], 'nothing is reported later');
    },
  },
  {
    name: 'starts a killed executor again: next generation, empty ring, every kernel loaded',
    async run({ open }) {
      const driver = await open();
      const { executor } = driver;
      const exits = watchExits(driver);
      const kernel = await driver.load(stamp);
      for (let generation = 2; generation <= 4; generation++) {
        await kill(driver, executor, exits);
        await startAgain(driver, executor);
        assert.equal(executor.generation, generation);
        executor.ring.memory.checkHeader();
        assert.equal(executor.ring.memory.generation, generation);
        assert.equal(executor.ring.outstanding, 0);
        assert.equal(executor.ring.ready(), false);
        await expectWorks(driver, kernel, executor);
      }
      assert.deepEqual(exits, []);
    },
  },
  {
    name: 'refuses entries of the generation before a restart',
    async run({ open }) {
      const driver = await open();
      const { executor } = driver;
      const kernel = await driver.load(stamp);
      const args = driver.bind(kernel, { itemCount: 2, inputs: { a: [1, 2] } });
      await driver.within('kill', () => executor.kill());
      await startAgain(driver, executor);
      const stale = await driver.run(kernel, args, 2, { generation: executor.generation - 1 });
      expectStatus(stale, Status.STALE_GENERATION);
      await expectWorks(driver, kernel, executor);
    },
  },
  {
    name: 'takes kernels that were provided while an executor was dead when it starts again',
    async run({ open }) {
      const driver = await open();
      const { executor } = driver;
      await driver.within('kill', () => executor.kill());
      const kernel = await driver.loadLater(stamp);
      await startAgain(driver, executor);
      await expectWorks(driver, kernel, executor);
    },
  },
  {
    name: 'leaves other executors alone when one is killed',
    async run({ open }) {
      const driver = await open();
      const other = secondExecutor(driver);
      if (fateOf(driver, driver.executor).includes(other)) throw new Unsupported('its executors share a process');
      const kernel = await driver.load(stamp);
      const args = driver.bind(kernel, { itemCount: 1_000, inputs: { a: Array.from({ length: 1_000 }, () => 1) } });
      const waiting: Submitted[] = [];
      while (other.ring.free > 0) waiting.push(driver.submitRun(kernel, args, 1_000, { executor: other }));
      await driver.within('kill', () => driver.executor.kill());
      for (const one of waiting) expectStatus(await driver.answer(one), Status.OK);
      assert.equal(other.generation, 1);
      await expectWorks(driver, kernel, other);
    },
  },
  {
    name: 'starts executors that share a fault domain together, in one generation and on empty rings',
    async run({ open }) {
      const driver = await open();
      const other = secondExecutor(driver);
      if (!fateOf(driver, driver.executor).includes(other)) throw new Unsupported('its executors end alone');
      const exits = watchExits(driver);
      const kernel = await driver.load(stamp);
      const args = driver.bind(kernel, { itemCount: 1_000, inputs: { a: Array.from({ length: 1_000 }, () => 1) } });
      while (other.ring.free > 0) driver.submitRun(kernel, args, 1_000, { executor: other });
      const { ring } = other;
      await kill(driver, driver.executor, exits);
      assert.equal(other.ring, ring, 'what the others completed can be read');
      await startAgain(driver, driver.executor);
      for (const executor of driver.device.executors) {
        assert.equal(executor.generation, 2);
        assert.equal(executor.ring.memory.generation, 2);
        assert.equal(executor.ring.outstanding, 0);
        await expectWorks(driver, kernel, executor);
      }
      await driver.within('kills at once', () => Promise.all(driver.device.executors.map((one) => one.kill())));
      assert.deepEqual(exits, [], 'each was asked to end');
    },
  },
  {
    name: 'kills an executor whose kernel spins, names the suspect, and goes on with the others meanwhile',
    async run({ open, description, need }) {
      need('preemption');
      const artifact = rawArtifact('spin', description.targets);
      const driver = await open();
      const { executor } = driver;
      const other = secondExecutor(driver);
      const kernel = await driver.load(stamp);
      const spin = await driver.loadArtifact(artifact);
      const paramsLow = driver.blockWithoutParameters();
      const suspect = driver.submit({ kernel: spin, paramsLow, itemCount: 1 });
      const behind = driver.submit({ kernel: spin, paramsLow, itemCount: 1 });
      await driver.until('the kernel to run', () => executor.ring.isRunning(suspect.position));
      await expectWorks(driver, kernel, other);

      const { ring } = executor;
      await driver.within('kill', () => executor.kill());
      assert.equal(ring.ready(), false);
      assert.equal(ring.isRunning(suspect.position), true, 'the ring names the entry that ran');
      assert.equal(ring.isRunning(behind.position), false);
      const endsAlone = !fateOf(driver, executor).includes(other);
      if (endsAlone) await expectWorks(driver, kernel, other);

      await startAgain(driver, executor);
      assert.equal(executor.generation, 2);
      await expectWorks(driver, kernel, executor);
      await expectWorks(driver, kernel, other);
      assert.equal(other.generation, endsAlone ? 1 : 2);
    },
  },
  {
    name: 'reports once that an executor died by itself, and starts it again',
    async run({ open, subject }) {
      const { provokeExit } = subject;
      if (provokeExit === undefined) throw new Unsupported('the subject cannot provoke an exit');
      const driver = await open();
      const { executor, device } = driver;
      const exits = watchExits(driver);
      const kernel = await driver.load(stamp);
      await provokeExit(executor, device);
      await driver.until('onExit', () => exits.length > 0);
      await expectStill('after its exit', ringBytesOf(executor), arenaBytesOf(device));
      await startAgain(driver, executor);
      assert.equal(executor.generation, 2);
      await expectWorks(driver, kernel, executor);
      assert.deepEqual(
        exits.map((exit) => [exit.executor.group, exit.cause]).sort(),
        fateOf(driver, executor).map(({ group }) => [group, 'fault']),
      );
      for (const { reason } of exits) assert.notEqual(reason, '');
    },
  },
];
