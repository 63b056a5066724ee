import { f64, input, output } from '@gpu-bridge/abstractions';
import { BodyCompiler, FakeClock, ReferenceBackend } from '@gpu-bridge/testkit';
import type { ReferenceBackendOptions } from '@gpu-bridge/testkit';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { LogLines, definitionOf } from '../testing/fixture.js';
import { PersistentKernelHost } from './persistent-kernel-host.js';

async function open(maxDeathsPerMinute = 5, options: ReferenceBackendOptions = {}, quarantineMs = 30_000) {
  const clock = new FakeClock();
  const device = await new ReferenceBackend({ manual: true, executors: 2, clock, ...options }).open('reference:0');
  const logger = new LogLines();
  const host = new PersistentKernelHost(device, { maxDeathsPerMinute, quarantineMs }, clock, logger);
  const events: string[] = [];
  host.events = {
    died: (ended, reason) => {
      const who = ended.map(({ slots, cause }) => `${slots.executor.group} ${cause}`).join(', ');
      events.push(`${who}: ${reason}`);
    },
    revived: () => void events.push('revived'),
    quarantined: (reason) => void events.push(`quarantined: ${reason}`),
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
    const compiled = new BodyCompiler().compile(definitionOf('one'));
    const loading = host.load(compiled);
    await settle();
    expect(host.kernel(compiled.descriptor.id)).toBeUndefined();
    expect(device.runUntilIdle()).toBe(2);
    await loading;
    expect(host.kernel(compiled.descriptor.id)).toMatchObject({ kernelNumber: 1 });
  });

  it('fails, and does not wait for ever, when an executor dies over a kernel it loads', async () => {
    const { device, host } = await open();
    const loading = host.load(new BodyCompiler().compile(definitionOf('fatal')));
    const outcome = expect(loading).rejects.toMatchObject({ code: 'DEVICE_LOST' });
    await settle();
    device.executors[0]!.exit('out of memory');
    device.runUntilIdle();
    await outcome;
  });

  it('fails at once where an executor is dead already', async () => {
    const { device, host } = await open();
    device.executors[0]!.exit('out of memory');
    const loading = host.load(new BodyCompiler().compile(definitionOf('late')));
    await expect(loading).rejects.toMatchObject({ code: 'DEVICE_LOST' });
  });

  it('refuses a kernel that needs what the device has not, before the device sees it', async () => {
    const { device, host } = await open(5, { offers: [] });
    const compiled = new BodyCompiler().compile(definitionOf('wide', { params: { x: input(f64), y: output(f64) } }));
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
    const { descriptor } = new BodyCompiler().compile(definitionOf('broken'));
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
    expect(events).toEqual(['0 fault: boom', 'revived', '1 killed: too slow', 'revived']);
    expect(device.executors.map(({ generation }) => generation)).toEqual([2, 2]);
    expect([host.deaths, host.health]).toEqual([2, 'healthy']);
  });

  it('gives the device up after too many deaths in a minute, executor by executor', async () => {
    const { device, host, events, states } = await open(3);
    for (let i = 0; i < 4; i++) {
      device.executors[0]!.exit('again');
      await settle();
    }
    expect(states()).toEqual(['quarantined', 'running']);
    expect([events.at(-1), host.quarantine]).toEqual(['0 fault: again', undefined]);
    device.executors[1]!.exit('too');
    await settle();
    expect([states(), host.health]).toEqual([['quarantined', 'quarantined'], 'quarantined']);
    expect(events.at(-1)).toMatch(/^quarantined: 5 executors died or/);
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
    expect(states()).toEqual(['quarantined', 'running']);
  });

  it('gives up an executor that does not start for a minute, however many deaths are allowed', async () => {
    const { clock, device, states } = await open(1_000);
    device.executors[0]!.start = () => Promise.reject(new Error('never'));
    device.executors[0]!.exit('boom');
    await clock.runFor(50_000_000_000n);
    expect(states()).toEqual(['starting', 'running']);
    await clock.runFor(20_000_000_000n);
    expect(states()).toEqual(['quarantined', 'running']);
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
    expect(events).toEqual(['0 fault: boom', 'revived']);
  });

  it('starts nothing once it is closed', async () => {
    const { device, host, events } = await open();
    device.executors[0]!.exit('boom');
    await host.close(0);
    device.executors[1]!.exit('too late');
    await settle();
    expect([events, host.health]).toEqual([['0 fault: boom'], 'closed']);
  });

  describe('of a device whose executors end together', () => {
    const together = { faultDomain: 'device' } as const;

    it('counts a death once, tells of it once, and starts all again', async () => {
      const { device, host, events, states } = await open(2, together);
      for (let i = 0; i < 2; i++) {
        device.executors[1]!.exit('boom');
        expect(host.health).toBe('suspect');
        await settle();
      }
      expect(events).toEqual(['0 fault, 1 fault: boom', 'revived', '0 fault, 1 fault: boom', 'revived']);
      expect([states(), host.deaths]).toEqual([['running', 'running'], 4]);
    });

    it('names who was killed, and who only ended with it', async () => {
      const { device, host, events } = await open(1, together);
      for (let i = 0; i < 3; i++) await host.kill(host.executors[1]!, 'too slow');
      expect(events.slice(-2)).toEqual(['0 collateral, 1 killed: too slow', 'revived']);
      await host.kill(host.executors[0]!, 'its host stood still', 'all');
      expect(events.slice(-2)).toEqual(['0 killed, 1 killed: its host stood still', 'revived']);
      expect([host.health, device.executors.map(({ generation }) => generation)]).toEqual(['healthy', [5, 5]]);
    });

    it('is not held responsible for what somebody else killed', async () => {
      const { device, host, events } = await open(1, together);
      for (let i = 0; i < 5; i++) {
        device.executors[0]!.exit('killed by another', 'collateral');
        await settle();
      }
      expect([host.health, events.at(-2)]).toEqual(['healthy', '0 collateral, 1 collateral: killed by another']);
    });

    it('starts none while one of them does not start', async () => {
      const { clock, device, events, states } = await open(100, together);
      const executor = device.executors[1]!;
      const start = executor.start.bind(executor);
      let tries = 0;
      executor.start = async () => {
        if (++tries < 3) throw new Error('not yet');
        await start();
      };
      device.executors[0]!.exit('boom');
      await settle();
      expect([states(), device.executors.map(({ isAlive }) => isAlive)]).toEqual([
        ['starting', 'starting'],
        [false, false],
      ]);
      await clock.runFor(1_000_000_000n);
      await settle();
      expect([states(), tries]).toEqual([['running', 'running'], 3]);
      expect(events).toEqual(['0 fault, 1 fault: boom', 'revived']);
    });
  });

  describe('in quarantine', () => {
    async function quarantined(quarantineMs = 30_000) {
      const opened = await open(1, { faultDomain: 'device' }, quarantineMs);
      const { device, host } = opened;
      for (let i = 0; i < 2; i++) {
        device.executors[0]!.exit('again');
        await settle();
      }
      expect(host.health).toBe('quarantined');
      return opened;
    }

    it('tries one start after a while, and works again when that succeeds', async () => {
      const { clock, device, host, events, states } = await quarantined();
      expect(host.quarantine).toEqual({
        reason: '2 executors died or did not start within a minute',
        endsInMs: 30_000,
        failedStarts: 0,
      });
      await clock.runFor(29_999_000_000n);
      expect([host.health, clock.pending, host.quarantine?.endsInMs]).toEqual(['quarantined', 1, 1]);
      await clock.runFor(1_000_000n);
      await settle();
      expect([states(), host.health, host.quarantine]).toEqual([['running', 'running'], 'healthy', undefined]);
      expect([events.at(-1), clock.pending]).toEqual(['revived', 0]);
      device.executors[0]!.exit('once more'); // what it died of before is forgotten
      await settle();
      expect(host.health).toBe('healthy');
    });

    it('doubles the wait with each start that fails, up to an hour, and stays out of use meanwhile', async () => {
      const { clock, device, host, events } = await quarantined(600_000);
      const tries: number[] = [];
      device.executors[0]!.start = () => {
        tries.push(clock.nowMs());
        expect(host.health).toBe('quarantined');
        return Promise.reject(new Error('never'));
      };
      for (let minutes = 0; minutes < 240; minutes++) {
        clock.advanceMs(60_000);
        await settle();
      }
      const waits = tries.slice(1).map((at, i) => (at - tries[i]!) / 60_000);
      expect(waits).toEqual([20, 40, 60, 60]);
      expect(host.quarantine).toMatchObject({ failedStarts: tries.length });
      expect(events.filter((event) => event.startsWith('quarantined'))).toHaveLength(1);
    });

    it('lasts twice as long after a relapse', async () => {
      const { clock, device, host } = await quarantined();
      await clock.runFor(30_000_000_000n);
      await settle();
      for (let i = 0; i < 2; i++) {
        device.executors[1]!.exit('again');
        await settle();
      }
      expect(host.quarantine).toMatchObject({ endsInMs: 60_000, failedStarts: 0 });
      await clock.runFor(60_000_000_000n);
      await settle();
      clock.advanceMs(61_000);
      for (let i = 0; i < 2; i++) {
        device.executors[1]!.exit('again');
        await settle();
      }
      expect(host.quarantine).toMatchObject({ endsInMs: 30_000 }); // it was well for more than a minute
    });

    it('ends with the device', async () => {
      const { clock, host } = await quarantined();
      await host.close(0);
      expect([clock.pending, host.health, host.quarantine]).toEqual([0, 'closed', undefined]);
    });
  });
});
