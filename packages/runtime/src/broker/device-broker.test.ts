import { input, output, resolveOptions, u32 } from '@gpu-bridge/abstractions';
import type {
  BrokerOptions,
  TenantsOptions,
  ExecutionMode,
  GpuExecutionHints,
  KernelDefinition,
  KernelHandle,
} from '@gpu-bridge/abstractions';
import { createCqe } from '@gpu-bridge/protocol';
import type { ExecutorEnd } from '@gpu-bridge/protocol';
import { BodyCompiler, FakeClock, ReferenceBackend } from '@gpu-bridge/testkit';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { LocalGpuBridge } from '../bridge/local-gpu-bridge.js';
import { KernelCatalog } from '../catalog/kernel-catalog.js';
import { GpuHostFeature } from '../host/gpu-host-feature.js';
import { LogLines } from '../testing/fixture.js';
import type { DeviceBroker } from './device-broker.js';

const increment: KernelDefinition = {
  kind: 'map',
  name: 'increment',
  params: { x: input(u32), y: output(u32) },
  constants: {},
  uses: {},
  fp: 'strict',
  bounds: 'checked',
  body: (_k, p: { x: number; y: { value: number } }) => void (p.y.value = p.x + 1),
};

interface Setting {
  readonly broker?: BrokerOptions;
  readonly tenants?: TenantsOptions;
  readonly executors?: number;
  readonly arenaBytes?: number;
  readonly executionModes?: readonly [ExecutionMode, ...ExecutionMode[]];
  /** The device has no clock: its entries say that they took no time. */
  readonly isTimeless?: boolean;
}

/** A bridge whose device runs an entry only when the test steps it, on a clock that only tests and polls move. */
async function start(setting: Setting = {}) {
  const {
    broker = {},
    tenants: limits = {},
    executors = 1,
    arenaBytes = 2 ** 20,
    executionModes,
    isTimeless = false,
  } = setting;
  const clock = new FakeClock(1_000_000n, 2_000n);
  const modes = executionModes === undefined ? {} : { executionModes };
  const deviceClock = isTimeless ? new FakeClock(0n, 0n) : clock;
  const backend = new ReferenceBackend({ manual: true, executors, arenaBytes, clock: deviceClock, ...modes });
  const options = resolveOptions({ kernels: [increment], cpu: false, broker, tenants: limits });
  const logger = new LogLines();
  const catalog = new KernelCatalog(new BodyCompiler());
  const feature = new GpuHostFeature([backend], catalog, options, clock, logger);
  const bridge = new LocalGpuBridge(feature, catalog, options, clock, logger);
  const starting = feature.start();
  let isOpen = false;
  void starting.then(() => (isOpen = true));
  while (!isOpen) {
    backend.opened[0]?.runUntilIdle();
    await turn();
  }
  bridge.start();
  const device = backend.opened[0]!;
  const kernel = bridge.getKernel('increment');
  const submit = (items: number, hints: GpuExecutionHints = {}) =>
    kernel.submitBatch({ x: new Uint32Array(items).fill(items) }, hints);
  const inside = (bridge as unknown as { brokers: DeviceBroker[] }).brokers[0]!;
  const { tenants } = (inside as unknown as { queue: { tenants: ReadonlyMap<string, unknown> } }).queue;
  /** Lets the device and the broker take turns until a job has ended. */
  const end = async (handle: KernelHandle): Promise<string> => {
    for (let i = 0; i < 2_000 && (handle.state === 'queued' || handle.state === 'running'); i++) {
      device.step();
      await turn();
      clock.advanceMs(1);
    }
    return handle.state;
  };
  return {
    clock,
    device,
    bridge,
    kernel,
    submit,
    inside,
    tenants,
    logger,
    end,
    info: () => bridge.getInfo().devices[0]!,
  };
}

describe('DeviceBroker', () => {
  it('goes on with a batch that is staged while a higher lane waits for the memory it holds', async () => {
    const { submit, end, inside } = await start({ arenaBytes: 2 ** 15, broker: { slotsInFlight: 1 } });
    const big = await submit(3_000, { maxMicroBatch: 500 });
    const urgent = await submit(3_000, { priority: 'high' });
    const other = await submit(3_000, { tenant: 'other' });
    expect(await end(big)).toBe('completed');
    big.dispose();
    expect(await end(other)).toBe('completed'); // its tenant's turn
    other.dispose();
    expect(await end(urgent)).toBe('completed');
    urgent.dispose();
    expect(inside.staging.arena.usedBytes).toBe(0);
  });

  it('takes the time of entries from its own clock where the device has none', async () => {
    const { submit, clock, device, end, info } = await start({ isTimeless: true });
    const handle = await submit(4);
    await turn();
    clock.advanceMs(7);
    device.step();
    await end(handle);
    const { serviceNs } = await handle.result;
    expect(serviceNs).toBeGreaterThanOrEqual(7e6);
    expect(serviceNs).toBeLessThan(8e6);
    expect(info().busyRatio).toBeGreaterThan(0);
  });

  it('asks for the hinted mode where the device has it, and says which one ran', async () => {
    const { submit, end } = await start({ executionModes: ['resident', 'launched'] });
    const ran = async (hints: GpuExecutionHints): Promise<unknown> => {
      const handle = await submit(4, hints);
      await end(handle);
      return (await handle.result).executionMode;
    };
    expect(await ran({})).toBe('resident');
    expect(await ran({ executionMode: 'auto' })).toBe('resident');
    expect(await ran({ executionMode: 'launched' })).toBe('launched');
    expect(await ran({ executionMode: 'graph' })).toBe('resident');
    const cancelled = await submit(4, { executionMode: 'launched' });
    cancelled.cancel();
    expect((await cancelled.result).executionMode).toBe('resident'); // none ran: the device's own
  });

  it('runs a suspect although work never stops coming', async () => {
    const { submit, device, clock } = await start();
    const suspect = await submit(300);
    const executor = device.executors[0]!;
    executor.faultAtNextEntry('exit');
    executor.step();
    for (let i = 0; i < 200 && suspect.state === 'running'; i++) {
      // Always more than the ring takes, and one slot at a time ends.
      for (let n = 0; n < 3; n++) await submit(300).catch(() => undefined);
      executor.step();
      await turn();
      clock.advanceMs(10); // the watchdog reaps
    }
    expect(await suspect.result).toMatchObject({ outcome: 'completed', attempts: 2 });
  });

  it('keeps an allocation that a waiting job is going to read, and gives it up when the job has ended', async () => {
    const { bridge, kernel, submit, end, inside } = await start({ broker: { slotsInFlight: 1 } });
    const first = await submit(10);
    const allocation = bridge.allocate<Uint32Array>(u32, 4);
    allocation.data.set([1, 2, 3, 4]);
    const waiting = await kernel.submitBatch({ x: allocation.data });
    expect(waiting.state).toBe('queued');
    expect(() => allocation.dispose()).toThrow(/read by 1 jobs/);
    await end(first);
    expect(await end(waiting)).toBe('completed');
    allocation.dispose(); // its results may still be read
    for await (const { columns } of kernel.readResults(waiting as never))
      expect([...(columns['y'] as Uint32Array)]).toEqual([2, 3, 4, 5]);
    const cancelled = bridge.allocate<Uint32Array>(u32, 4);
    await submit(10);
    const gone = await kernel.submitBatch({ x: cancelled.data });
    gone.cancel();
    cancelled.dispose();
    first.dispose();
    expect(inside.staging.residents.holds(cancelled.data)).toBe(false);
  });

  it('counts a job that was put back for want of memory as waiting', async () => {
    const { bridge, submit, inside } = await start({ arenaBytes: 2 ** 14, broker: { slotsInFlight: 1 } });
    using room = bridge.allocate(u32, 3_500);
    expect(room.sizeBytes).toBe(14_016);
    const first = await submit(20);
    const pair = await Promise.all([submit(240), submit(240)]);
    await turn();
    for (const handle of pair) handle.cancel();
    first.cancel();
    expect([inside.queuedJobs, pair.map(({ state }) => state)]).toEqual([0, ['cancelled', 'cancelled']]);
  });

  it('sends jobs of one microtask together, into a ring that is idle and when they would fill the queue', async () => {
    const { submit, end, info } = await start({
      broker: { slotsInFlight: 8 },
      tenants: { defaults: { queueLimit: 3 } },
    });
    const handles = await Promise.all(Array.from({ length: 8 }, () => submit(1)));
    for (const handle of handles) expect(await end(handle)).toBe('completed');
    expect(info().counters).toMatchObject({ refused: 0, coalesced: 8, slots: 3 });
  });

  it('remembers no tenant for a job that was refused or empty', async () => {
    const { submit, tenants, end } = await start({
      broker: { queueLimit: 4 },
      tenants: { defaults: { queueLimit: 2 } },
    });
    const handles = await Promise.all(Array.from({ length: 5 }, (_, i) => submit(1, { tenant: `t${i}` })));
    for (let i = 0; i < 50; i++) {
      await submit(1, { tenant: `other${i}` }).then(
        (handle) => handles.push(handle),
        () => undefined,
      );
      await submit(0, { tenant: `empty${i}` }).catch(() => undefined);
    }
    expect(handles.length).toBeLessThan(20);
    expect(tenants.size).toBeLessThanOrEqual(handles.length);
    for (const handle of handles) expect(await end(handle)).toBe('completed');
    expect(tenants.size).toBeLessThanOrEqual(handles.length);
  });

  it('ignores completions that name nothing in flight', async () => {
    const { submit, device, end, info, inside, logger } = await start();
    const handle = await submit(1);
    const executor = device.executors[0]!;
    const { end: ring } = executor as unknown as { end: ExecutorEnd };
    const record = executor.ring;
    ring.complete({ ...createCqe(), status: 1, userDataLow: 7, userDataHigh: 1, generation: executor.generation });
    expect(record.ready()).toBe(true);
    expect(await end(handle)).not.toBe('queued');
    expect(inside.metrics.strays).toBe(1);
    expect(logger.lines.join()).toMatch(/names no entry in flight/);
    expect(info().counters.completed).toBeLessThanOrEqual(1);
  });

  it('says how long to wait when the queue is full, and takes jobs again when it is not', async () => {
    const { submit, end, info } = await start({ tenants: { defaults: { queueLimit: 3 } } });
    const admitted = await Promise.all(Array.from({ length: 4 }, () => submit(300)));
    await turn();
    const more: KernelHandle[] = [];
    let refusal: unknown;
    for (let i = 0; i < 9 && refusal === undefined; i++) {
      await submit(300).then(
        (handle) => more.push(handle),
        (error: unknown) => (refusal = error),
      );
    }
    expect(refusal).toMatchObject({ code: 'QUEUE_FULL', details: { tenant: 'default', deviceId: 'reference:0' } });
    for (const handle of [...admitted, ...more]) expect(await end(handle)).toBe('completed');
    await submit(1);
    expect(info().counters).toMatchObject({ refused: 1, failed: 0 });
  });

  it('fails what waits and frees its memory when the device is lost', { timeout: 60_000 }, async () => {
    const { submit, device, inside, info, clock } = await start({ executors: 1 });
    const handles = await Promise.all(Array.from({ length: 8 }, () => submit(300)));
    device.executors[0]!.start = () => Promise.reject(new Error('never again'));
    device.executors[0]!.exit('boom');
    await clock.runFor(70_000_000_000n);
    for (const handle of handles) expect((await handle.result).error).toMatchObject({ code: 'DEVICE_LOST' });
    expect([inside.staging.arena.usedBytes, inside.queuedJobs, info().health]).toEqual([0, 0, 'quarantined']);
    await expect(submit(1)).rejects.toMatchObject({ code: 'DEVICE_LOST' });
  });
});
