import { GpuBridgeError, input, output, u32 } from '@gpu-bridge/abstractions';
import { Status, createCqe } from '@gpu-bridge/protocol';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../clock/fake-clock.js';
import { BodyCompiler } from '../compiler/body-compiler.js';
import { DeviceDriver } from '../driver/device-driver.js';
import { ReferenceBackend } from './reference-backend.js';
import type { KernelDefinition } from '@gpu-bridge/abstractions';
import type { ReferenceDevice } from './reference-device.js';
import type { ReferenceBackendOptions } from './reference-backend.js';

const compiler = new BodyCompiler();

function kernelOf(body: KernelDefinition['body']): KernelDefinition {
  const params = { a: input(u32), out: output(u32) };
  return { kind: 'map', name: 'test/kernel', params, constants: {}, uses: {}, fp: 'strict', bounds: 'checked', body };
}

interface Item {
  readonly a: number;
  readonly out: { value: number };
}

/** A manual device with one kernel, and how to send it an item. */
async function manual(body: (k: unknown, p: Item) => void, options: ReferenceBackendOptions = {}) {
  const backend = new ReferenceBackend({ manual: true, ...options });
  const device: ReferenceDevice = await backend.open('reference:0');
  const driver = new DeviceDriver(device, { compiler });
  const kernel = await driver.loadLater(kernelOf(body));
  // A restart loads what was provided, which saves these tests the entries for it.
  for (const executor of device.executors) {
    await executor.kill();
    await executor.start();
  }
  const submit = (group: number, a: number) => {
    const args = driver.bind(kernel, { itemCount: 1, inputs: { a: [a] } });
    const submitted = driver.submitRun(kernel, args, 1, { executor: device.executors[group]! });
    return { ...submitted, args };
  };
  return { backend, device, driver, submit };
}

describe('a manual reference device', () => {
  it('runs exactly one entry a step, the executors in turn', async () => {
    const order: number[] = [];
    const { device, submit } = await manual((_k, p) => {
      order.push(p.a);
      p.out.value = p.a + 1;
    });
    const sent = [submit(0, 1), submit(0, 2), submit(1, 3)];
    expect(device.step()).toBe(true);
    expect(order).toEqual([1]);
    expect(device.executors[1]!.step()).toBe(true);
    expect(order).toEqual([1, 3]);
    expect(device.runUntilIdle()).toBe(1);
    expect(order).toEqual([1, 3, 2]);
    expect(device.step()).toBe(false);
    expect(sent.map(({ args }) => args.column('out')[0])).toEqual([2, 3, 4]);
    await device.close(0);
  });

  it('measures durations on the given clock', async () => {
    const clock = new FakeClock();
    const { device, submit } = await manual(() => clock.advanceMs(3), { clock });
    const { executor } = submit(0, 1);
    device.runUntilIdle();
    const cqe = createCqe();
    expect(executor.ring.reap(cqe)).toBe(true);
    expect(cqe.durationNs).toBe(3_000_000);
    await device.close(0);
  });

  it('reports an exception of a kernel as its fault and goes on', async () => {
    const { device, driver, submit } = await manual((_k, p) => {
      if (p.a === 13) throw new Error('unlucky');
    });
    const sent = [submit(0, 13), submit(0, 14)];
    device.runUntilIdle();
    expect((await driver.answer(sent[0]!)).status).toBe(Status.KERNEL_FAULT);
    expect((await driver.answer(sent[1]!)).status).toBe(Status.OK);
    await device.close(0);
  });

  it('dies inside an entry, names it as the suspect, and tells its owner once', async () => {
    const { device, submit } = await manual(() => undefined);
    const executor = device.executors[0]!;
    const exits: string[] = [];
    executor.onExit = (reason) => exits.push(reason);
    const suspect = submit(0, 1);
    const behind = submit(0, 2);
    executor.faultAtNextEntry('exit');
    expect(device.runUntilIdle()).toBe(1);
    expect(exits).toHaveLength(1);
    expect([executor.isAlive, executor.ring.isRunning(suspect.position)]).toEqual([false, true]);
    expect(executor.ring.isRunning(behind.position)).toBe(false);
    executor.exit('again');
    expect(exits).toHaveLength(1);

    await executor.start();
    expect([executor.generation, executor.ring.outstanding]).toEqual([3, 0]);
    submit(0, 3);
    expect(device.runUntilIdle()).toBe(1);
    await device.close(0);
  });

  it('hangs in an entry until it is killed', async () => {
    const { device, submit } = await manual(() => undefined);
    const executor = device.executors[0]!;
    const { position } = submit(0, 1);
    executor.faultAtNextEntry('hang');
    device.runUntilIdle();
    expect(device.step()).toBe(false);
    expect([executor.isAlive, executor.ring.isRunning(position), executor.ring.ready()]).toEqual([true, true, false]);
    await executor.kill();
    expect(executor.isAlive).toBe(false);
    await device.close(0);
  });

  it('exits when the owner of its ring asks it to stop, after the entries it has', async () => {
    const { device, submit } = await manual(() => undefined);
    const executor = device.executors[0]!;
    const exits: string[] = [];
    executor.onExit = (reason) => exits.push(reason);
    submit(0, 1);
    executor.ring.requestStop();
    expect(device.runUntilIdle()).toBe(2);
    expect(executor.ring.ready()).toBe(true);
    expect(exits).toEqual(['it was told to stop']);
    await device.close(0);
  });

  it('cannot be started after close', async () => {
    const { backend, device } = await manual(() => undefined);
    expect(backend.opened).toEqual([device]);
    await device.close(0);
    await expect(device.executors[0]!.start()).rejects.toSatisfy((e) => GpuBridgeError.is(e, 'DEVICE_LOST'));
  });
});

describe('a reference backend', () => {
  it('offers what its options say', async () => {
    const backend = new ReferenceBackend({ name: 'fake-gpu', type: 'gpu', devices: 2, executors: 3, offers: ['f64'] });
    const found = await backend.discover();
    expect(found.map((d) => d.id)).toEqual(['fake-gpu:0', 'fake-gpu:1']);
    expect(found[1]).toMatchObject({
      type: 'gpu',
      backend: 'fake-gpu',
      executors: 3,
      offers: ['f64'],
      targets: ['js'],
    });
  });

  it('refuses artifacts of other targets', async () => {
    const device = await new ReferenceBackend().open('reference:0');
    const wasm = { target: 'wasm', bytes: new Uint8Array(8) } as const;
    const { descriptor } = compiler.compile(kernelOf(() => undefined));
    await expect(device.provideKernel(1, wasm, descriptor)).rejects.toSatisfy((e) =>
      GpuBridgeError.is(e, 'KERNEL_BUILD_FAILED'),
    );
    await expect(device.provideKernel(1, { target: 'js', source: '42' }, descriptor)).rejects.toThrow(/not a function/);
    await device.close(0);
  });
});
