import assert from 'node:assert/strict';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { Status } from '@gpu-bridge/protocol';
import type { BackendCase } from '../backend-case.js';
import { expectStatus, expectStill } from '../expectations.js';
import { stamp } from '../kernels.js';
import { rawArtifact } from '../raw-artifacts.js';

export const deviceCases: readonly BackendCase[] = [
  {
    name: 'discovers devices with ids of its own, the same each time',
    async run({ backend }) {
      const first = await backend.discover();
      const ids = first.map((d) => d.id);
      assert.equal(new Set(ids).size, ids.length, 'ids are unique');
      for (const description of first) {
        assert.match(description.id, new RegExp(`^${backend.name}:\\d+$`));
        assert.equal(description.backend, backend.name);
        assert.ok(description.executors >= 1 && description.arenaBytes > 0 && description.targets.length > 0);
      }
      assert.deepEqual(await backend.discover(), first);
    },
  },
  {
    name: 'opens the device that it described, with running executors and an aligned arena inside its memory',
    async run({ open, description }) {
      const { device } = await open();
      assert.deepEqual(device.description, description);
      assert.equal(device.arenaOffset % 64, 0);
      assert.ok(device.arenaOffset >= 0 && device.arenaOffset + device.arenaBytes <= device.memory.byteLength);
      assert.ok(device.arenaBytes >= description.arenaBytes, 'the arena is as large as described');
      assert.deepEqual(
        device.executors.map((e) => e.group),
        Array.from({ length: description.executors }, (_, group) => group),
      );
      for (const { ring, generation } of device.executors) {
        ring.memory.checkHeader();
        assert.equal(generation, 1, 'the first incarnation runs');
        assert.equal(ring.memory.generation, generation);
        assert.equal(ring.outstanding, 0);
      }
    },
  },
  {
    name: 'refuses to open a device it does not have, and names those it has',
    async run({ backend, description }) {
      const opening = backend.open('no-such-device:7').then((device) => device.close(0));
      await assert.rejects(opening, (error) => {
        assert.ok(GpuBridgeError.is(error, 'DEVICE_NOT_FOUND'), String(error));
        assert.equal(error.details.wanted, 'no-such-device:7');
        assert.ok(error.details.known.includes(description.id));
        return true;
      });
    },
  },
  {
    name: 'refuses an artifact that it cannot prepare, and goes on',
    async run({ open, description }) {
      const driver = await open();
      const artifact = rawArtifact('garbage', description.targets);
      await assert.rejects(driver.provide(artifact), (error) => GpuBridgeError.is(error, 'KERNEL_BUILD_FAILED'));
      const kernel = await driver.load(stamp);
      const args = driver.bind(kernel, { itemCount: 1, inputs: { a: [1] } });
      expectStatus(await driver.run(kernel, args, 1), Status.OK);
    },
  },
  {
    name: 'closes while entries wait, and writes nothing afterwards',
    async run({ open }) {
      const driver = await open();
      const { device } = driver;
      const kernel = await driver.load(stamp);
      const itemCount = 5_000;
      const args = driver.bind(kernel, { itemCount, inputs: { a: Array.from({ length: itemCount }, (_, i) => i) } });
      for (const executor of device.executors) {
        while (executor.ring.free > 0) driver.submitRun(kernel, args, itemCount, { executor });
      }
      await driver.within('close', () => device.close(0));
      await expectStill('after close', new Uint8Array(device.memory));
      driver.arena.assertIntact();
    },
  },
  {
    name: 'closes although a kernel spins',
    async run({ open, description, need }) {
      need('preemption');
      const driver = await open();
      const artifact = rawArtifact('spin', description.targets);
      const kernel = await driver.loadArtifact(artifact);
      const paramsLow = driver.blockWithoutParameters();
      const { executor, position } = driver.submit({ kernel, paramsLow, itemCount: 1 });
      await driver.until('the kernel to run', () => executor.ring.isRunning(position));
      await driver.within('close', () => driver.device.close(20));
    },
  },
  {
    name: 'can be closed again, also while it closes, and exits are not reported for it',
    async run({ open }) {
      const driver = await open();
      const exits: string[] = [];
      for (const executor of driver.device.executors) executor.onExit = (reason) => exits.push(reason);
      await driver.within('close', () => Promise.all([driver.device.close(1_000), driver.device.close(0)]));
      await driver.within('the third close', () => driver.device.close(0));
      assert.deepEqual(exits, []);
    },
  },
];
