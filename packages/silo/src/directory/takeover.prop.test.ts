import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ClusterTable, GrainId, GrainStorage } from '@gpu-bridge/abstractions';
import { SeededRandom } from '@gpu-bridge/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeStateRow } from '../state/state-row.js';
import { SiloSupervisor } from '../supervision/silo-supervisor.js';
import { ClusterFixture } from '../testing/cluster-fixture.js';
import type { SiloFixture } from '../testing/cluster-fixture.js';
import type { GrainDirectory } from './grain-directory.js';

const GRAINS: readonly GrainId[] = ['x', 'y'].map((key) => ({ type: 'test', key }));
const STEPS = 200;

/** What an activation may do here. */
interface Holding {
  readonly owner: string;
  readonly fencingToken: number;
  storage: GrainStorage | undefined;
}

/** What a grain's storage holds: says who wrote it, and when. */
type Written = readonly [fencingToken: number, write: number];

/** A silo that does with its grains what a silo does, at random. */
class Actor {
  readonly holdings = new Map<GrainId, Holding>();
  /** Of turns that still ran when the grain was lost, and may write as long as they like. */
  private readonly lost: (readonly [GrainId, Holding])[] = [];
  isFrozen = false;
  isKilled = false;
  private readonly busy = new Set<GrainId>();
  private writes = 0;

  constructor(
    readonly silo: SiloFixture,
    readonly directory: GrainDirectory,
    private readonly model: Model,
  ) {
    silo.membership.onFenced(() => {
      this.lost.push(...this.holdings);
      this.holdings.clear();
    });
  }

  /** Whether a turn of the grain could start now. */
  holds(grain: GrainId): boolean {
    return !this.isKilled && this.holdings.has(grain) && !this.silo.membership.isFenced();
  }

  act(random: SeededRandom): void {
    const grain = GRAINS[random.below(GRAINS.length)]!;
    if (this.isFrozen || this.isKilled) return;
    const zombie = random.below(3) === 0 ? this.lost[random.below(this.lost.length)] : undefined;
    if (zombie !== undefined) void this.write(...zombie).catch(this.failed(zombie[0]));
    if (this.busy.has(grain)) return;
    const holding = this.holdings.get(grain);
    if (holding === undefined) this.start(grain, () => this.activate(grain));
    else if (random.below(8) === 0) this.start(grain, () => this.deactivate(grain, holding));
    else this.start(grain, () => this.write(grain, holding));
  }

  private failed(grain: GrainId): (error: unknown) => void {
    return (error) => {
      if (GpuBridgeError.is(error, 'LEASE_FENCED')) this.holdings.delete(grain);
      else if (!GpuBridgeError.is(error, 'CLUSTER_UNAVAILABLE')) this.model.fail(String(error));
    };
  }

  private start(grain: GrainId, action: () => Promise<void>): void {
    this.busy.add(grain);
    void action()
      .catch(this.failed(grain))
      .finally(() => this.busy.delete(grain));
  }

  private async activate(grain: GrainId): Promise<void> {
    const { membership } = this.silo;
    if (membership.isFenced()) return;
    const { owner, fencingToken } = await this.directory.claim(grain);
    if (owner !== membership.address) return;
    const holding: Holding = { owner, fencingToken, storage: undefined };
    this.model.claimed(grain, fencingToken);
    this.holdings.set(grain, holding);
    const acknowledged = this.model.acknowledged(grain);
    try {
      holding.storage = await this.silo.stateStore().open(grain, fencingToken);
      const found = ((await holding.storage.read()) ?? [0, 0]) as Written;
      // Nothing that was acknowledged is lost; what was not may be there too.
      if (isBefore(found, acknowledged)) this.model.fail(`${grain.key} has lost ${acknowledged.join('/')}`);
    } catch (error) {
      this.holdings.delete(grain);
      throw error;
    }
  }

  private async write(grain: GrainId, { fencingToken, storage }: Holding): Promise<void> {
    if (storage === undefined) return;
    const written: Written = [fencingToken, ++this.writes];
    await storage.write(written);
    this.model.acknowledge(grain, written);
  }

  private async deactivate(grain: GrainId, { fencingToken }: Holding): Promise<void> {
    this.holdings.delete(grain);
    await this.directory.release(grain, fencingToken);
  }
}

/** What must hold whatever happens. */
class Model {
  private readonly failures: string[] = [];
  private readonly claims = new Map<GrainId, Set<number>>();
  private readonly acknowledgements = new Map<GrainId, Written>();
  private readonly sealedBy = new Map<string, number>();

  fail(what: string): void {
    this.failures.push(what);
  }

  claimed(grain: GrainId, fencingToken: number): void {
    const claims = this.claims.get(grain) ?? new Set();
    this.claims.set(grain, claims);
    if (claims.has(fencingToken)) this.fail(`${grain.key}: token ${fencingToken} was given twice`);
    claims.add(fencingToken);
  }

  acknowledged(grain: GrainId): Written {
    return this.acknowledgements.get(grain) ?? [0, 0];
  }

  acknowledge(grain: GrainId, written: Written): void {
    if (isBefore(this.acknowledged(grain), written)) this.acknowledgements.set(grain, written);
  }

  /** Every write that the engine accepted, in its order. */
  accepted(key: string, fencingToken: number): void {
    const sealedBy = this.sealedBy.get(key) ?? 0;
    if (fencingToken < sealedBy) this.fail(`${key}: a write of ${fencingToken} after a seal of ${sealedBy}`);
    this.sealedBy.set(key, Math.max(sealedBy, fencingToken));
  }

  check(actors: readonly Actor[]): void {
    for (const grain of GRAINS) {
      const owners = actors.filter((actor) => actor.holds(grain));
      if (owners.length > 1)
        this.fail(`${grain.key} is active at ${owners.map(({ silo }) => silo.address).join(', ')}`);
    }
    expect(this.failures).toEqual([]);
  }

  get claimCount(): number {
    return [...this.claims.values()].reduce((sum, { size }) => sum + size, 0);
  }
}

function isBefore([token, write]: Written, [otherToken, otherWrite]: Written): boolean {
  return token < otherToken || (token === otherToken && write < otherWrite);
}

/** One cluster, whose faults and work come from a seed. */
class Scenario {
  readonly fixture = new ClusterFixture();
  readonly model = new Model();
  readonly actors: Actor[] = [];
  readonly random: SeededRandom;
  private readonly faults: Disposable[] = [];
  private supervisor!: SiloSupervisor;
  private started = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  async run(): Promise<void> {
    const port = await this.fixture.port('observer');
    const { clock, logger, network } = this.fixture;
    this.supervisor = new SiloSupervisor({ port, clock, logger });
    const state = await port.openTable('state');
    await this.observe(state);
    for (const siloId of ['a', 'b', 'c']) await this.start(siloId);
    network.delayMs = ({ to, from }) =>
      to === 'observer' || from === 'observer' ? 0 : this.random.below(this.random.below(20) === 0 ? 900 : 30);
    for (let step = 0; step < STEPS; step++) {
      await this.step();
      await this.fixture.run(this.random.below(this.random.below(2) === 0 ? 3_000 : 60));
      this.model.check(this.actors);
    }
    await this.heal();
  }

  /** Sees every state that a row was in, as far as the engine tells. */
  private async observe(table: ClusterTable): Promise<void> {
    await table.watch(({ key, value }) => {
      if (value === undefined) this.model.fail(`${key} was deleted`);
      else this.model.accepted(key, decodeStateRow(key, value).fencingToken);
    });
  }

  private async start(siloId: string): Promise<void> {
    const silo = await this.fixture.silo(siloId, { portId: `${siloId}-${++this.started}`, joinTimeoutMs: 600_000 });
    void this.join(silo).catch((error: unknown) => this.model.fail(String(error)));
    await this.fixture.settle();
  }

  private async join(silo: SiloFixture): Promise<void> {
    await silo.membership.join();
    await silo.membership.activate();
    const table = await this.openWhenThere(silo);
    this.actors.push(new Actor(silo, table, this.model));
  }

  private async openWhenThere(silo: SiloFixture): Promise<GrainDirectory> {
    for (;;) {
      try {
        return await silo.directory();
      } catch {
        await silo.clock.sleepNs(1_000_000_000n);
      }
    }
  }

  private async step(): Promise<void> {
    const { random, fixture, faults, actors } = this;
    for (const actor of actors) if (random.below(2) === 0) actor.act(random);
    const actor = actors[random.below(actors.length)];
    switch (random.below(16)) {
      case 0:
        if (faults.length < 2)
          faults.push(random.below(2) ? fixture.network.engineStalls() : fixture.network.engineGone());
        return;
      case 1:
        if (actor !== undefined && faults.length < 2) faults.push(fixture.network.cut(actor.silo.port.id));
        return;
      case 2:
        if (actor !== undefined) faults.push(fixture.network.loseAnswers(actor.silo.port.id, /./, random.below(4)));
        return;
      case 3:
        if (actor !== undefined && faults.length < 2)
          faults.push(fixture.network.delayRequests(actor.silo.port.id, /state|directory|members/));
        return;
      case 4:
      case 5:
        if (actor !== undefined && !actor.isFrozen) this.freeze(actor);
        return;
      case 6:
      case 7:
        if (actor?.isFrozen === true && !actor.isKilled) this.thaw(actor);
        return;
      case 8:
        if (actor !== undefined && !actor.isKilled) await this.kill(actor);
        return;
      case 9:
      case 10:
      case 11:
        return faults.splice(random.below(faults.length + 1), 1)[0]?.[Symbol.dispose]();
      case 12:
        if (actor !== undefined) for (const { silo } of actors) silo.membership.suspect(actor.silo.address);
        return;
      default:
    }
  }

  private freeze(actor: Actor): void {
    actor.isFrozen = true;
    actor.silo.freeze();
  }

  private thaw(actor: Actor): void {
    actor.isFrozen = false;
    actor.silo.thaw();
    this.model.check(this.actors);
  }

  /** As SIGKILL, sometimes under the eyes of a supervisor; another process takes its place. */
  private async kill(actor: Actor): Promise<void> {
    this.freeze(actor);
    actor.isKilled = true;
    actor.silo.port.disconnect();
    if (this.random.below(2) === 0) void this.supervisor.reportExit(actor.silo.address);
    await this.start(actor.silo.siloId);
  }

  /** Without faults everything moves again. */
  private async heal(): Promise<void> {
    const { fixture, faults, actors, model } = this;
    for (const fault of faults.splice(0)) fault[Symbol.dispose]();
    fixture.network.delayMs = () => this.random.below(30);
    for (const actor of actors) if (actor.isFrozen && !actor.isKilled) this.thaw(actor);
    await fixture.run(60_000);
    model.check(actors);
    const live = actors.filter(({ isKilled }) => !isKilled);
    const siloIds = [...new Set(live.map(({ silo }) => silo.siloId))].sort();
    expect(siloIds).toEqual(['a', 'b', 'c']);
    for (const { silo } of live) {
      expect(silo.membership.isFenced()).toBe(false);
      expect(silo.siloIds()).toEqual(siloIds);
    }
    for (const grain of GRAINS) {
      const entries = await fixture.while(Promise.all(live.map(({ directory }) => directory.lookUp(grain))));
      const addresses = live.map(({ silo }) => silo.address);
      const claimed = await fixture.while(Promise.all(live.map(({ directory }) => directory.claim(grain))));
      expect(addresses).toContain(claimed[0]!.owner);
      const highest = Math.max(...entries.map((entry) => entry?.fencingToken ?? 0));
      expect(Math.max(...claimed.map(({ fencingToken }) => fencingToken))).toBeGreaterThanOrEqual(highest);
    }
    model.check(actors);
    expect(model.claimCount).toBeGreaterThan(0);
  }
}

describe('takeover', () => {
  test('leaves one unfenced owner, one order of tokens and every acknowledged write, whatever happens', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (seed) => new Scenario(seed).run()),
      { numRuns: 20 },
    );
  });
});
