import type { DeactivationReason, GrainClass, GrainContext } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { startCluster } from '../testing/silo-cluster-fixture.js';
import type { ClusterFixture } from '../testing/silo-cluster-fixture.js';
import { gate, grainClass, startSilo } from '../testing/silo-fixture.js';
import type { Gate } from '../testing/silo-fixture.js';

interface Where {
  readonly siloId: string;
  readonly fencingToken: number;
}

/** What the activations of all silos did. */
class Journal {
  readonly tokens: number[] = [];
  readonly reasons: DeactivationReason[] = [];
  mostActive = 0;
  private active = 0;

  activated(fencingToken: number): void {
    this.tokens.push(fencingToken);
    this.mostActive = Math.max(this.mostActive, ++this.active);
  }

  deactivated(reason: DeactivationReason): void {
    this.reasons.push(reason);
    this.active--;
  }
}

class Wanderer {
  constructor(
    private readonly context: GrainContext,
    private readonly journal: Journal,
    private readonly gates: Record<string, Gate>,
  ) {}

  async onActivate(): Promise<void> {
    this.journal.activated(this.context.fencingToken);
  }

  async onDeactivate(reason: DeactivationReason): Promise<void> {
    await this.gates['leaving']?.passed;
    this.journal.deactivated(reason);
  }

  async where(): Promise<Where> {
    const { siloId, fencingToken } = this.context;
    return { siloId, fencingToken };
  }

  async add(n: number): Promise<number> {
    const value = Number((await this.context.storage.read()) ?? 0) + n;
    await this.context.storage.write(value);
    return value;
  }

  async hold(): Promise<string> {
    await this.gates['held']?.passed;
    return this.context.siloId;
  }

  async migrate(siloId?: string): Promise<void> {
    this.context.migrateOnIdle(siloId);
  }
}

function wanderers(gates: Record<string, Gate> = {}) {
  const journal = new Journal();
  const grain = grainClass(
    { type: 'wanderer', persistent: true, interleaving: ['hold', 'where'] },
    (context) => new Wanderer(context, journal, gates),
  );
  return { journal, grain };
}

function cluster(grain: GrainClass): Promise<ClusterFixture> {
  return startCluster([[grain], [grain], [grain], []]);
}

describe('a keyed grain that migrates', () => {
  test('is active on the named silo next, under a higher token and with its state', async () => {
    const { journal, grain } = wanderers();
    const { silos, until, run, stop } = await cluster(grain);
    const reference = silos[0]!.getGrain(grain, 'k');
    const first = await until(reference.where());
    await until(reference.add(2));
    await until(reference.migrate('silo-2'));
    await run(50);
    expect(silos[2]!.getInfo().activations, 'before anybody calls').toBe(1);
    expect(silos[0]!.getInfo().activations).toBe(0);
    const second = await until(reference.where());
    expect([first.siloId, second.siloId]).toEqual(['silo-0', 'silo-2']);
    expect(second.fencingToken).toBeGreaterThan(first.fencingToken);
    expect(await until(reference.add(3))).toBe(5);
    expect(journal.reasons).toEqual(['migrating']);
    await stop();
  });

  test('goes where a director says when no silo is named, but not to its own', async () => {
    const { grain } = wanderers();
    const { silos, until, stop } = await cluster(grain);
    const reference = silos[3]!.getGrain(grain, 'k');
    const { siloId } = await until(reference.where());
    await until(reference.migrate());
    expect((await until(reference.where())).siloId).not.toBe(siloId);
    await stop();
  });

  test('fails no call under load, and is active once at any time', async () => {
    const { journal, grain } = wanderers();
    const { silos, clock, until, run, stop } = await cluster(grain);
    let over = false;
    let added = 0;
    const callers = silos.flatMap((silo) =>
      [1, 2, 3].map(async () => {
        const reference = silo.getGrain(grain, 'k');
        while (!over) {
          await reference.add(1);
          added++;
          await reference.where();
          await clock.sleepNs(500_000n);
        }
      }),
    );
    const mover = silos[3]!.getGrain(grain, 'k');
    for (let round = 0; round < 12; round++) {
      await run(20);
      const { siloId } = await until(mover.where());
      const target = ['silo-0', 'silo-1', 'silo-2'].filter((other) => other !== siloId)[round % 2];
      await until(mover.migrate(target));
    }
    over = true;
    await until(Promise.all(callers));
    expect(await until(mover.add(0))).toBe(added);
    expect(added).toBeGreaterThan(100);
    expect(journal.tokens.length).toBe(13);
    expect(journal.tokens).toEqual(journal.tokens.toSorted((a, b) => a - b));
    expect(new Set(journal.tokens).size).toBe(13);
    expect(journal.mostActive).toBe(1);
    await stop();
  });

  test('finishes what runs first, and has what waits and comes meanwhile done on the other silo', async () => {
    const gates = { held: gate(), leaving: gate() };
    const { grain } = wanderers(gates);
    const { silos, until, run, stop } = await cluster(grain);
    const reference = silos[0]!.getGrain(grain, 'k');
    const running = reference.hold();
    await run(5);
    await until(reference.migrate('silo-1'));
    const waiting = [reference.where(), silos[1]!.getGrain(grain, 'k').where()];
    await run(50);
    expect(silos.map((silo) => silo.getInfo().activations)).toEqual([1, 0, 0, 0]);
    gates.held.open();
    expect(await until(running)).toBe('silo-0');
    waiting.push(reference.where(), silos[3]!.getGrain(grain, 'k').where());
    await run(50);
    gates.leaving.open();
    const answers = await until(Promise.all(waiting));
    expect(answers.map(({ siloId }) => siloId)).toEqual(['silo-1', 'silo-1', 'silo-1', 'silo-1']);
    await stop();
  });

  test('is placed anew when the silo that it goes to drains meanwhile', async () => {
    const gates = { leaving: gate() };
    const { grain } = wanderers(gates);
    const { silos, until, run, stop } = await cluster(grain);
    const reference = silos[0]!.getGrain(grain, 'k');
    await until(reference.where());
    await until(reference.migrate('silo-1'));
    const stopped = silos[1]!.stop();
    await run(5);
    gates.leaving.open();
    expect((await until(reference.where())).siloId).not.toBe('silo-1');
    await until(stopped);
    await stop();
  });

  test('is placed anew when the silo that it goes to has died', async () => {
    const gates = { leaving: gate() };
    const { grain } = wanderers(gates);
    const { silos, until, stop } = await cluster(grain);
    const reference = silos[0]!.getGrain(grain, 'k');
    await until(reference.where());
    await until(reference.migrate('silo-1'));
    await until(silos[1]!.stop());
    gates.leaving.open();
    expect((await until(reference.where())).siloId).not.toBe('silo-1');
    await stop();
  });

  test.each([
    ['of which nobody has heard', 'silo-9'],
    ['that it is on', 'silo-0'],
    ['that does not host its type', 'silo-3'],
  ])('refuses a silo %s, and stays', async (_, target) => {
    const { journal, grain } = wanderers();
    const { silos, until, stop } = await cluster(grain);
    const reference = silos[0]!.getGrain(grain, 'k');
    const first = await until(reference.where());
    const refused = { code: 'INVALID_ARGUMENT', details: { field: 'siloId', value: target } };
    await expect(until(reference.migrate(target))).rejects.toMatchObject(refused);
    expect(await until(reference.where())).toEqual(first);
    expect(journal.reasons).toEqual([]);
    await stop();
  });

  test('refuses to move where no other silo hosts it, and in a silo without a cluster', async () => {
    class Alone {
      constructor(private readonly context: GrainContext) {}
      async migrate(): Promise<void> {
        this.context.migrateOnIdle();
      }
    }
    const alone = grainClass({ type: 'alone' }, (context) => new Alone(context));
    const { silos, until, stop } = await startCluster([[alone], []]);
    await expect(until(silos[0]!.getGrain(alone, 'k').migrate())).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'siloId' },
    });
    await stop();
    const { silo } = await startSilo([alone]);
    await expect(silo.getGrain(alone, 'k').migrate()).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'context.migrateOnIdle' },
    });
    await silo.stop();
  });
});
