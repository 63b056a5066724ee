import { InProcessCluster, SiloSupervisor } from '@gpu-bridge/silo';
import { FakeClock, SeededRandom } from '@gpu-bridge/testkit';
import assert from 'node:assert/strict';
import { NO_BREAKAGE } from './breakages.js';
import type { Breakage } from './breakages.js';
import { ClusterHistory } from './cluster-history.js';
import { Faults } from './faults.js';
import { LEASE_MS, drawSettings } from './settings.js';
import { LEDGER, WORKER } from './sim-grains.js';
import { OBSERVER, SimNetwork } from './sim-network.js';
import { SimSilo } from './sim-silo.js';
import type { SimSurroundings } from './sim-silo.js';
import { TrackedCall, readStream } from './tracked-call.js';

/** What happened in a run, so that a schedule in which nothing goes wrong is noticed. */
export type Happened = Readonly<Record<string, number>>;

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const MS = 1_000_000n;
const LONGEST_TURN_MS = LEASE_MS;

/** One run of a cluster of silos under a schedule drawn from a seed. */
export class ClusterSimulation {
  private readonly surroundings: SimSurroundings;
  /** The newest process of each. */
  private readonly silos: SimSilo[] = [];
  /** Every process there was. */
  private readonly processes: SimSilo[] = [];
  private faults!: Faults;
  private lastCallId = 0;
  private heldLong = false;

  private constructor(
    private readonly random: SeededRandom,
    breakage: Breakage,
  ) {
    const settings = drawSettings(random);
    const clock = new FakeClock();
    const network = new SimNetwork(clock, random);
    const { requestTimeoutMs } = settings;
    const cluster = new InProcessCluster({ clock, logger: silent, network, storage: 'memory', requestTimeoutMs });
    this.surroundings = { clock, network, cluster, random, settings, history: new ClusterHistory(), breakage };
  }

  /** @throws what was broken. */
  static async run(seed: number, breakage = NO_BREAKAGE): Promise<Happened> {
    return new ClusterSimulation(new SeededRandom(seed), breakage).run();
  }

  private async run(): Promise<Happened> {
    const { history, settings } = this.surroundings;
    await this.begin();
    for (let step = 0; step < settings.steps; step++) {
      this.act();
      await this.pass(this.random.below(this.random.below(4) === 0 ? 1_500 : 150));
    }
    await this.heal();
    history.checkCalls(await this.readLedgers());
    this.checkNothingIsUnderWay();
    await this.end();
    return this.happened();
  }

  // --- what happens --------------------------------------------------------------------------------------------------

  private async begin(): Promise<void> {
    const { cluster, clock, history, settings, network } = this.surroundings;
    const port = cluster.port(OBSERVER);
    await port.open();
    const state = await port.openTable('state');
    await state.watch(({ value }) => history.accepted(value));
    const supervisor = new SiloSupervisor({ port, clock, logger: silent }, { leaseMs: LEASE_MS });
    this.faults = new Faults(
      this.surroundings,
      {
        silos: this.silos,
        restart: (silo) => this.restart(silo),
        freezing: (silo) => this.beginTurns(silo),
        thawed: (silo) => this.callFrom(silo, 2),
      },
      supervisor,
    );
    for (let i = 0; i < settings.silos; i++) this.start(i);
    await this.pass(100);
    network.disturb(settings.lossPerMille);
  }

  private start(index: number): void {
    const hostsGrains = index > 0 || !this.surroundings.settings.hasCaller;
    const silo = new SimSilo(`silo-${index}`, `port-${index}-${this.processes.length}`, hostsGrains, this.surroundings);
    this.silos[index] = silo;
    this.processes.push(silo);
    void silo.start();
  }

  /** Another process takes the place of one that is gone, or going. */
  private restart(silo: SimSilo): void {
    const index = this.silos.indexOf(silo);
    if (index !== -1) this.start(index);
  }

  private act(): void {
    const { random } = this;
    if (random.below(100) < this.surroundings.settings.faultiness) this.faults.begin();
    for (const silo of this.silos) {
      if (silo.state === 'failed') this.restart(silo);
      if (silo.isCallable) this.callFrom(silo, random.below(3));
    }
  }

  private callFrom(silo: SimSilo, calls: number): void {
    if (silo.state === 'live') for (let i = 0; i < calls; i++) this.call(silo);
  }

  private call(caller: SimSilo): void {
    const { random } = this;
    const { keys } = this.surroundings.settings;
    const key = keys[random.below(keys.length)]!;
    const id = ++this.lastCallId;
    const holdMs = random.below(4) === 0 ? random.below(100) : 0;
    const ledger = caller.silo.getGrain(LEDGER, key);
    const roll = random.below(100);
    if (roll < 35) this.track(new TrackedCall(id, 'add', key, caller), () => ledger.add(id, this.drawHoldMs()));
    else if (roll < 60) this.track(new TrackedCall(id, 'put', key, caller), () => ledger.put(id, holdMs));
    else if (roll < 80) this.track(new TrackedCall(id, 'read', key, caller), () => ledger.read(id));
    else if (roll < 90) {
      const items = random.below(12);
      const how = { pauseMs: random.below(2) * random.below(100), until: random.below(20) };
      this.track(new TrackedCall(id, 'count', key, caller), () => readStream(ledger, id, items, how));
    } else if (roll < 94) this.track(new TrackedCall(id, 'move', key, caller), () => ledger.move(id));
    else {
      const worker = caller.silo.getGrain(WORKER, 'w');
      this.track(new TrackedCall(id, 'work', undefined, caller), () => worker.work(id, holdMs));
    }
  }

  /** Turns wait for each other, so only one of a run takes long: so long that its silo may lose the grain meanwhile. */
  private drawHoldMs(): number {
    const { random } = this;
    if (this.heldLong || random.below(30) > 0) return random.below(4) === 0 ? random.below(100) : 0;
    this.heldLong = true;
    return LONGEST_TURN_MS;
  }

  /** Turns that are under way for a while. */
  private beginTurns(caller: SimSilo): void {
    if (!caller.isCallable) return;
    for (const key of this.surroundings.settings.keys) {
      const id = ++this.lastCallId;
      const ledger = caller.silo.getGrain(LEDGER, key);
      this.track(new TrackedCall(id, 'add', key, caller), () => ledger.add(id, 80));
    }
  }

  private track(call: TrackedCall, make: () => Promise<unknown>): void {
    this.surroundings.history.track(call);
    void call.settle(make());
  }

  private async pass(ms: number): Promise<void> {
    await this.surroundings.clock.runFor(BigInt(ms) * MS);
    this.surroundings.history.checkStep();
  }

  // --- how it ends ---------------------------------------------------------------------------------------------------

  /** Nothing goes wrong any more: whatever was asked for ends within twice the lease, and the longest turn. */
  private async heal(): Promise<void> {
    const { history, network } = this.surroundings;
    network.calm();
    this.faults.end();
    await this.pass(2 * LEASE_MS + LONGEST_TURN_MS);
    const pending = history.calls.filter(({ isPending }) => isPending);
    assert.deepEqual(
      pending.map(({ id, kind, key, caller }) => `${id}: ${kind} ${key} from ${caller.portId}, ${caller.state}`),
      [],
      'every call ends',
    );
    for (const silo of this.silos) if (!silo.isThere) this.restart(silo);
    await this.pass(1_000);
    const states = this.silos.map(({ state, silo }) => [state, silo.getInfo().cluster?.members.length]);
    assert.deepEqual(
      states,
      this.silos.map(() => ['live', this.silos.length]),
      'every silo is there, and sees the others',
    );
  }

  /** Every key can be called from everywhere. */
  private async readLedgers(): Promise<ReadonlyMap<string, readonly number[]>> {
    const ledgers = new Map<string, readonly number[]>();
    for (const key of this.surroundings.settings.keys) {
      const reads = this.silos.map(async (caller) => {
        const call = new TrackedCall(++this.lastCallId, 'put', key, caller);
        const ledger = caller.silo.getGrain(LEDGER, key);
        this.track(call, async () => {
          await ledger.put(call.id, 0);
          const read = new TrackedCall(++this.lastCallId, 'read', key, caller);
          this.surroundings.history.track(read);
          const ids = await ledger.read(read.id);
          read.outcome = 'done';
          if (ids.length >= (ledgers.get(key)?.length ?? 0)) ledgers.set(key, ids);
        });
        return call;
      });
      const calls = await Promise.all(reads);
      for (let tries = 0; calls.some(({ isPending }) => isPending) && tries < 20; tries++) await this.pass(100);
      const outcomes = calls.map(({ outcome }) => outcome);
      assert.deepEqual(new Set(outcomes), new Set(['done']), `${key} can be called from everywhere`);
    }
    return ledgers;
  }

  private checkNothingIsUnderWay(): void {
    for (const { silo } of this.silos) {
      const { waitingCalls, grains, placedCalls, cluster } = silo.getInfo();
      const running = Object.values(grains).reduce((sum, { runningCalls }) => sum + runningCalls, 0);
      const { pending, served, transfers, reassemblyBytes, refusedMessages } = cluster!.calls;
      assert.deepEqual(
        {
          waitingCalls,
          running,
          placed: placedCalls.running,
          pending,
          served,
          transfers,
          reassemblyBytes,
          refusedMessages,
        },
        {
          waitingCalls: 0,
          running: 0,
          placed: 0,
          pending: 0,
          served: 0,
          transfers: 0,
          reassemblyBytes: 0,
          refusedMessages: 0,
        },
        `${silo.siloId} is idle`,
      );
      assert.equal(cluster!.membership.fenced, false);
    }
  }

  private async end(): Promise<void> {
    const { cluster, clock } = this.surroundings;
    const stopped = Promise.all(this.silos.map((silo) => silo.stop()));
    await this.pass(5_000);
    await stopped;
    await cluster.close();
    for (const silo of this.processes) {
      assert.equal(silo.isThere, false, `${silo.portId} is still ${silo.state}`);
      assert.equal(silo.clock.pending, 0, `${silo.portId} (${silo.state}) leaves timers`);
    }
    assert.equal(clock.pending, 0, 'nothing leaves timers');
  }

  private happened(): Happened {
    const { history, network } = this.surroundings;
    const happened: Record<string, number> = { ...this.faults.happened };
    const count = (what: string, times = 1): void => void (happened[what] = (happened[what] ?? 0) + times);
    count('activations', history.activations);
    count('takeovers', history.takeovers);
    count('migrations', history.migrations);
    for (const { kind, outcome, turns } of history.calls) {
      count(outcome === 'done' ? kind : (outcome ?? 'callerDied'));
      if (turns > 1) count('repeated');
    }
    for (const { incarnationsLost } of this.processes) count('incarnationsLost', incarnationsLost);
    return { ...happened, traceHash: network.traceHash };
  }
}
