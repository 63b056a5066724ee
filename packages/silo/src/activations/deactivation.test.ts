import type { DeactivationReason, GrainContext } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { Recorder, gate, grainClass, settled, startSilo } from '../testing/silo-fixture.js';
import type { Gate } from '../testing/silo-fixture.js';

describe('deactivation', () => {
  class Leaving {
    constructor(
      private readonly context: GrainContext,
      private readonly log: string[],
      private readonly farewell: Gate,
    ) {
      log.push(`made ${context.activationId}`);
    }
    async onDeactivate(reason: DeactivationReason): Promise<void> {
      this.log.push(`leaves: ${reason}`);
      await this.farewell.passed;
    }
    async leave(): Promise<void> {
      this.context.deactivateOnIdle();
      this.log.push('asked to leave');
    }
    async ping(): Promise<string> {
      return this.context.activationId;
    }
  }

  test('on request comes after the turn; calls behind it go to a new activation once the old one is gone', async () => {
    const log: string[] = [];
    const farewell = gate();
    const leaving = grainClass({}, (context) => new Leaving(context, log, farewell));
    const { silo } = await startSilo([leaving]);
    const grain = silo.getGrain(leaving, 'k');
    const first = await grain.ping();
    const [, behind] = [grain.leave(), grain.ping()];
    await settled();
    expect(log).toEqual([`made ${first}`, 'asked to leave', 'leaves: requested']);
    farewell.open();
    const second = await behind;
    expect(second).not.toBe(first);
    expect(log.at(-1)).toBe(`made ${second}`);
  });

  test('of an idle activation comes after idleAfterMs without calls, and not during a long turn', async () => {
    const log: string[] = [];
    const gates = { long: gate() };
    class Idle extends Recorder {
      async onDeactivate(reason: DeactivationReason): Promise<void> {
        log.push(reason);
      }
    }
    const idle = grainClass({}, () => new Idle(log, gates));
    const { silo, clock } = await startSilo([idle], { idleAfterMs: 1000, sweepIntervalMs: 100 });
    const grain = silo.getGrain(idle, 'k');
    const long = grain.work('long');
    clock.advanceMs(10_000);
    expect(silo.getInfo().activations).toBe(1);
    gates.long.open();
    await long;
    clock.advanceMs(900);
    await grain.work('again');
    clock.advanceMs(1000);
    await settled();
    expect(silo.getInfo().activations).toBe(1);
    clock.advanceMs(200);
    await settled();
    expect(silo.getInfo().activations).toBe(0);
    expect(log.at(-1)).toBe('idle');
    expect(await grain.work('back')).toBe('back');
    expect(clock.pending).toBe(1);
  });

  test('asked for in onActivate still serves one call per activation', async () => {
    let made = 0;
    class Brief {
      constructor(private readonly context: GrainContext) {
        made++;
      }
      async onActivate(): Promise<void> {
        this.context.deactivateOnIdle();
      }
      async ping(n: number): Promise<number> {
        return n;
      }
    }
    for (const reentrant of [false, true]) {
      made = 0;
      const brief = grainClass({ reentrant }, (context) => new Brief(context));
      const { silo } = await startSilo([brief]);
      const grain = silo.getGrain(brief, 'k');
      expect(await Promise.all([grain.ping(1), grain.ping(2), grain.ping(3)])).toEqual([1, 2, 3]);
      expect(made).toBe(3);
      await settled();
      expect(silo.getInfo().activations).toBe(0);
    }
  });

  test('that fails is logged, and the key can be activated again', async () => {
    class Bad {
      constructor(private readonly context: GrainContext) {}
      async onDeactivate(): Promise<void> {
        throw new Error('cannot save');
      }
      async leave(): Promise<string> {
        this.context.deactivateOnIdle();
        return this.context.activationId;
      }
    }
    const bad = grainClass({}, (context) => new Bad(context));
    const { silo, logged } = await startSilo([bad]);
    const first = await silo.getGrain(bad, 'k').leave();
    const second = await silo.getGrain(bad, 'k').leave();
    expect(second).not.toBe(first);
    expect(logged[0]).toMatchObject({ level: 'error', fields: { grain: 'test/k', activationId: first } });
  });

  test('of an idle activation waits until the work is done for which it is kept active', async () => {
    class Working {
      private hold: Disposable | undefined;
      constructor(private readonly context: GrainContext) {}
      async begin(): Promise<void> {
        this.hold = this.context.keepActive();
      }
      async end(): Promise<void> {
        this.hold?.[Symbol.dispose]();
      }
    }
    const working = grainClass({}, (context) => new Working(context));
    const { silo, clock } = await startSilo([working], { idleAfterMs: 1000, sweepIntervalMs: 100 });
    const grain = silo.getGrain(working, 'k');
    await grain.begin();
    clock.advanceMs(10_000);
    await settled();
    expect(silo.getInfo().activations).toBe(1);
    await grain.end();
    clock.advanceMs(1_200);
    await settled();
    expect(silo.getInfo().activations).toBe(0);
  });

  test('is told while turns still run, once, so that calls that wait inside the grain can be let go', async () => {
    const log: string[] = [];
    class Waiting {
      private readonly waiting = gate();
      async wait(): Promise<string> {
        await this.waiting.passed;
        return 'let go';
      }
      onDeactivating(reason: DeactivationReason): void {
        log.push(`is leaving: ${reason}`);
        this.waiting.open();
        throw new Error('which is only logged');
      }
      async onDeactivate(reason: DeactivationReason): Promise<void> {
        log.push(`leaves: ${reason}`);
      }
    }
    const waiting = grainClass({}, () => new Waiting());
    for (const end of ['stopping', 'fenced'] as const) {
      log.length = 0;
      const { silo } = await startSilo([waiting]);
      const call = silo.getGrain(waiting, 'k').wait();
      const expected: unknown = end === 'stopping' ? 'let go' : expect.objectContaining({ code: 'LEASE_FENCED' });
      const answer = call.catch((error: unknown) => error);
      if (end === 'stopping') await silo.stop();
      else await silo.fenceKeyed();
      expect(await answer).toEqual(expected);
      await settled();
      expect(log).toEqual([`is leaving: ${end}`, `leaves: ${end}`]);
    }
  });
});
