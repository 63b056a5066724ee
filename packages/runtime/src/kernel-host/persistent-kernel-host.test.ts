import { f64, input, output, u32 } from '@gpu-bridge/abstractions';
import type { KernelDefinition } from '@gpu-bridge/abstractions';
import { BodyCompiler, FakeClock, ReferenceBackend } from '@gpu-bridge/testkit';
import type { ReferenceBackendOptions } from '@gpu-bridge/testkit';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { LogLines } from '../testing/fixture.js';
import { PersistentKernelHost } from './persistent-kernel-host.js';

const definition = (name: string, type: typeof u32 | typeof f64 = u32): KernelDefinition => ({
  kind: 'map',
  name,
  params: { x: input(type), y: output(type) },
  constants: {},
  uses: {},
  fp: 'strict',
  bounds: 'checked',
  body: (_k, p: { x: number; y: { value: number } }) => void (p.y.value = p.x),
});

async function open(maxDeathsPerMinute = 5, options: ReferenceBackendOptions = {}) {
  const clock = new FakeClock();
  const device = await new ReferenceBackend({ manual: true, executors: 2, clock, ...options }).open('reference:0');
  const logger = new LogLines();
  const host = new PersistentKernelHost(device, maxDeathsPerMinute, clock, logger);
  const events: string[] = [];
  host.events = {
    died: ({ executor }, reason) => void events.push(`${executor.group} died: ${reason}`),
    revived: ({ executor }) => void events.push(`${executor.group} revived`),
    lost: (reason) => void events.push(`lost: ${reason}`),
  };
  return { clock, device, host, logger, events, states: () => host.executors.map(({ state }) => state) };
}

/** Lets promises go on; nothing here needs more turns than it has awaits. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await turn();
}

describe('PersistentKernelHost', () => {
  it('loads a kernel into every executor and knows it afterwards', async () => {
    const { device, host } = await open();
    const compiled = new BodyCompiler().compile(definition('one'));
    const loading = host.load(compiled);
    await settle();
    expect(host.kernel(compiled.descriptor.id)).toBeUndefined();
    expect(device.runUntilIdle()).toBe(2);
    await loading;
    expect(host.kernel(compiled.descriptor.id)).toMatchObject({ kernelNumber: 1 });
  });

  it('fails, and does not wait for ever, when an executor dies over a kernel it loads', async () => {
    const { device, host } = await open();
    const loading = host.load(new BodyCompiler().compile(definition('fatal')));
    const outcome = expect(loading).rejects.toMatchObject({ code: 'DEVICE_LOST' });
    await settle();
    device.executors[0]!.exit('out of memory');
    device.runUntilIdle();
    await outcome;
  });

  it('refuses a kernel that needs what the device has not, before the device sees it', async () => {
    const { device, host } = await open(5, { offers: [] });
    const compiled = new BodyCompiler().compile(definition('wide', f64));
    await expect(host.load(compiled)).rejects.toMatchObject({ code: 'KERNEL_REFUSED', details: { missing: ['f64'] } });
    await expect(host.load({ ...compiled, artifacts: [] })).rejects.toMatchObject({
      details: { missing: ['f64', 'an artifact for js'] },
    });
    const refused = [{ target: 'js', reason: 'it is written in CUDA C' }] as const;
    await expect(host.load({ ...compiled, artifacts: [], refused })).rejects.toMatchObject({
      details: { missing: ['f64', 'an artifact for js', 'js: it is written in CUDA C'] },
    });
    expect(device.provided).toEqual([]);
  });

  it('says when a device cannot load an artifact', async () => {
    const { device, host } = await open();
    const { descriptor } = new BodyCompiler().compile(definition('broken'));
    const loading = host.load({ descriptor, artifacts: [{ target: 'js', source: '() => 42' }], refused: [] });
    const failed = expect(loading).rejects.toMatchObject({ code: 'KERNEL_BUILD_FAILED' });
    await settle();
    device.runUntilIdle();
    await failed;
    expect(host.kernel(descriptor.id)).toBeUndefined();
  });

  it('starts an executor again that died, and one that it killed', async () => {
    const { device, host, events, states } = await open();
    device.executors[0]!.exit('boom');
    expect([states(), host.health]).toEqual([['starting', 'running'], 'restarting']);
    await settle();
    expect([states(), host.health, host.deaths]).toEqual([['running', 'running'], 'healthy', 1]);
    const killing = host.kill(host.executors[1]!, 'too slow');
    expect(host.health).toBe('suspect');
    await host.kill(host.executors[1]!, 'again'); // it is dying already
    await killing;
    expect(events).toEqual(['0 died: boom', '0 revived', '1 died: too slow', '1 revived']);
    expect(device.executors.map(({ generation }) => generation)).toEqual([2, 2]);
    expect([host.deaths, host.health]).toEqual([2, 'healthy']);
  });

  it('gives the device up after too many deaths in a minute, executor by executor', async () => {
    const { device, host, events, states } = await open(3);
    for (let i = 0; i < 4; i++) {
      device.executors[0]!.exit('again');
      await settle();
    }
    expect(states()).toEqual(['lost', 'running']);
    expect(events.at(-1)).toBe('0 died: again');
    device.executors[1]!.exit('too');
    await settle();
    expect([states(), host.health]).toEqual([['lost', 'lost'], 'quarantined']);
    expect(events.at(-1)).toMatch(/^lost: 5 executors died or/);
  });

  it('forgets deaths after a minute, and never counts those it asked for', async () => {
    const { clock, device, host, states } = await open(2);
    for (let i = 0; i < 20; i++) await host.kill(host.executors[0]!, 'asked for');
    for (let i = 0; i < 10; i++) {
      device.executors[1]!.exit('now and then');
      await settle();
      clock.advanceMs(30_001);
    }
    expect([states(), host.health, host.deaths]).toEqual([['running', 'running'], 'healthy', 30]);
  });

  it('backs off while an executor does not start, longer each time', async () => {
    const { clock, device, states } = await open(100);
    const executor = device.executors[0]!;
    const start = executor.start.bind(executor);
    const tries: number[] = [];
    executor.start = async () => {
      tries.push(clock.nowMs());
      if (tries.length <= 9) throw new Error('not yet');
      await start();
    };
    executor.exit('boom');
    for (let i = 0; i < 400 && states()[0] !== 'running'; i++) await clock.runFor(100_000_000n);
    expect(states()).toEqual(['running', 'running']);
    const waits = tries.slice(1).map((at, i) => at - tries[i]!);
    expect(waits).toEqual([50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  });

  it('counts starts that fail towards giving up', async () => {
    const { clock, device, states } = await open(3);
    device.executors[0]!.start = () => Promise.reject(new Error('never'));
    device.executors[0]!.exit('boom');
    await clock.runFor(10_000_000_000n);
    await settle();
    expect([states(), clock.pending]).toEqual([['lost', 'running'], 0]);
  });

  it('gives up an executor that does not start for a minute, however many deaths are allowed', async () => {
    const { clock, device, states } = await open(1_000);
    device.executors[0]!.start = () => Promise.reject(new Error('never'));
    device.executors[0]!.exit('boom');
    await clock.runFor(50_000_000_000n);
    expect(states()).toEqual(['starting', 'running']);
    await clock.runFor(20_000_000_000n);
    expect([states(), clock.pending]).toEqual([['lost', 'running'], 0]);
  });

  it('does not use an executor that ended before its start was heard of', async () => {
    const { clock, device, events, states } = await open();
    const executor = device.executors[0]!;
    const start = executor.start.bind(executor);
    let starts = 0;
    executor.start = async () => {
      await start();
      if (++starts === 1) executor.exit('at once');
    };
    executor.exit('boom');
    await clock.runFor(1_000_000_000n);
    await settle();
    expect([starts, executor.isAlive, states()]).toEqual([2, true, ['running', 'running']]);
    expect(events).toEqual(['0 died: boom', '0 revived']);
  });

  it('starts nothing once it is closed', async () => {
    const { device, host, events } = await open();
    device.executors[0]!.exit('boom');
    await host.close(0);
    device.executors[1]!.exit('too late');
    await settle();
    expect([events, host.health]).toEqual([['0 died: boom'], 'closed']);
  });
});
