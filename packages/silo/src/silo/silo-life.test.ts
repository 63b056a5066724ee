import { GpuBridgeError, LifecycleStage } from '@gpu-bridge/abstractions';
import type { DeactivationReason } from '@gpu-bridge/abstractions';
import { FakeClock } from '@gpu-bridge/testkit';
import { describe, expect, test } from 'vitest';
import { InProcessCluster } from '../cluster/in-process-cluster.js';
import { gate, grainClass, settled, silentServices, startSilo } from '../testing/silo-fixture.js';
import { Silo } from './silo.js';

class Greeter {
  async greet(name: string): Promise<string> {
    return `hello ${name}`;
  }
}
const greeter = grainClass({ type: 'greeter' }, () => new Greeter());

describe('the life of a silo', () => {
  class Worker {
    constructor(
      private readonly log: string[],
      private readonly hold = gate(),
    ) {}
    async onDeactivate(reason: DeactivationReason): Promise<void> {
      this.log.push(reason);
    }
    async work(name: string): Promise<string> {
      await this.hold.passed;
      this.log.push(name);
      return name;
    }
  }

  test('takes part at the stage of grains', () => {
    expect(new Silo(silentServices([greeter]))).toMatchObject({ name: 'silo', stage: LifecycleStage.Grains });
  });

  test('refuses calls before it has started', async () => {
    const silo = new Silo(silentServices([greeter]));
    await expect(silo.getGrain(greeter, 'a').greet('x')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('stops at once when nothing is activated, and leaves no timer', async () => {
    const { silo, clock } = await startSilo([greeter]);
    await silo.stop();
    expect(silo.getInfo().state).toBe('stopped');
    expect(clock.pending).toBe(0);
  });

  test('finishes what it accepted, refuses the rest with DRAINING, then deactivates', async () => {
    const log: string[] = [];
    const hold = gate();
    const worker = grainClass({}, () => new Worker(log, hold));
    const { silo, clock } = await startSilo([worker]);
    const grain = silo.getGrain(worker, 'k');
    const accepted = [grain.work('a'), grain.work('b')];
    const stopped = silo.stop();
    await expect(grain.work('c')).rejects.toMatchObject({ code: 'DRAINING' });
    expect(silo.getInfo()).toMatchObject({ state: 'draining', activations: 1, waitingCalls: 1 });
    hold.open();
    expect(await Promise.all(accepted)).toEqual(['a', 'b']);
    await stopped;
    expect(log).toEqual(['a', 'b', 'stopping']);
    expect(silo.getInfo()).toMatchObject({ state: 'stopped', activations: 0 });
    expect(clock.pending).toBe(0);
    await expect(grain.work('d')).rejects.toMatchObject({ code: 'DRAINING' });
  });

  test('deactivates idle grains when it stops, and waits for their onDeactivate', async () => {
    const saved = gate();
    class Saving extends Greeter {
      onDeactivate(): Promise<void> {
        return saved.passed;
      }
    }
    const saving = grainClass({}, () => new Saving());
    const { silo } = await startSilo([saving]);
    await silo.getGrain(saving, 'a').greet('x');
    let stopped = false;
    const stop = silo.stop().then(() => (stopped = true));
    await settled();
    expect(stopped).toBe(false);
    saved.open();
    await stop;
  });

  test('serves a call whose grain was still activating when the stop began', async () => {
    const hold = gate();
    const log: string[] = [];
    class Slow extends Worker {
      onActivate(): Promise<void> {
        return hold.passed;
      }
    }
    const slow = grainClass({}, () => new Slow(log, hold));
    const { silo } = await startSilo([slow]);
    const call = silo.getGrain(slow, 'k').work('a');
    const stop = silo.stop();
    hold.open();
    expect(await call).toBe('a');
    await stop;
    expect(log).toEqual(['a', 'stopping']);
  });

  test('serves calls that wait behind a deactivation when the stop begins', async () => {
    const saved = gate();
    const log: string[] = [];
    const leaving = grainClass({}, (context) => {
      class Leaving {
        async leave(): Promise<void> {
          context.deactivateOnIdle();
        }
        async ping(): Promise<string> {
          return 'pong';
        }
        async onDeactivate(reason: DeactivationReason): Promise<void> {
          log.push(reason);
          await saved.passed;
        }
      }
      return new Leaving();
    });
    const { silo } = await startSilo([leaving]);
    const grain = silo.getGrain(leaving, 'k');
    await grain.leave();
    const behind = grain.ping();
    const stop = silo.stop();
    saved.open();
    expect(await behind).toBe('pong');
    await stop;
    expect(log).toEqual(['requested', 'stopping']);
  });

  test('stops after drainTimeoutMs: waiting calls fail, running turns are left and get no onDeactivate', async () => {
    const log: string[] = [];
    const hold = gate();
    const worker = grainClass({}, () => new Worker(log, hold));
    const { silo, clock, logged } = await startSilo([worker], { drainTimeoutMs: 500 });
    const grain = silo.getGrain(worker, 'k');
    const running = grain.work('a');
    const waiting = grain.work('b').catch((e: unknown) => e);
    const stop = silo.stop();
    clock.advanceMs(499);
    await settled();
    expect(silo.getInfo().state).toBe('draining');
    clock.advanceMs(1);
    await stop;
    expect(GpuBridgeError.is(await waiting, 'DRAINING')).toBe(true);
    expect(logged).toMatchObject([{ level: 'warn', fields: { activations: 1, waitingCalls: 1, runningTurns: 1 } }]);
    hold.open();
    expect(await running).toBe('a');
    await settled();
    expect(log).toEqual(['a']);
  });

  test('stops after drainTimeoutMs when an activation hangs, and drops it when it comes back', async () => {
    const hold = gate();
    class Hanging extends Greeter {
      onActivate(): Promise<void> {
        return hold.passed;
      }
    }
    const hanging = grainClass({}, () => new Hanging());
    const { silo, clock } = await startSilo([hanging], { drainTimeoutMs: 500 });
    const call = silo.getGrain(hanging, 'k').greet('x');
    const stop = silo.stop();
    clock.advanceMs(500);
    await expect(call).rejects.toMatchObject({ code: 'DRAINING' });
    await stop;
    hold.open();
    await settled();
    expect(silo.getInfo().activations).toBe(0);
  });

  test('a start that fails halfway leaves no member and no timers', async () => {
    const { logger } = silentServices([]);
    const clock = new FakeClock();
    const cluster = new InProcessCluster({ clock, logger, storage: 'memory' });
    const port = cluster.port();
    const openTable = port.openTable.bind(port);
    const reason = 'as intended';
    port.openTable = (name, options) =>
      name === 'reminders'
        ? Promise.reject(new GpuBridgeError('CLUSTER_UNAVAILABLE', { engine: 'test', reason }, reason))
        : openTable(name, options);
    const silo = new Silo({ clock, logger, grainClasses: [], port });
    await expect(silo.start()).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
    expect(silo.getInfo().state).toBe('stopped');
    expect(clock.pending).toBe(0);
    await cluster.close();
  });

  test('stops once, however often it is asked', async () => {
    const log: string[] = [];
    const hold = gate();
    hold.open();
    const worker = grainClass({}, () => new Worker(log, hold));
    const { silo } = await startSilo([worker]);
    await silo.getGrain(worker, 'k').work('a');
    await Promise.all([silo.stop(), silo.stop()]);
    expect(log).toEqual(['a', 'stopping']);
  });
});
