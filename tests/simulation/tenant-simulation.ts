import { input, mapKernel, output, u32 } from '@gpu-bridge/kernels';
import { FakeClock, SeededRandom } from '@gpu-bridge/testkit';
import type { ReferenceExecutor } from '@gpu-bridge/testkit';
import assert from 'node:assert/strict';
import { SimBridge } from './sim-bridge.js';
import type { SimDevice, SimulatedJob, SlotRecord } from './sim-bridge.js';

/** Arrivals of jobs of the steady tenant, and ends of entries, until a run is over. */
const EVENTS = 400;
/** Jobs of the flooding one that always wait. */
const FLOOD_DEPTH = 12;
/** By what reading the clock moves it, over all that happens between two events. */
const DRIFT_MS = 0.5;

/** Kernels that do nothing; what an item takes is drawn. */
const kernels = ['steady', 'flood-a', 'flood-b', 'flood-c'].map((name) =>
  mapKernel(name, { params: { x: input(u32), y: output(u32) } }, (_k, { x, y }) => {
    y.value = x;
  }),
);

/** What a seed draws. */
interface TenantSetting {
  readonly executors: number;
  readonly slotsInFlight: number;
  readonly weights: { readonly steady: number; readonly flood: number };
  /** By kernel, per item. */
  readonly itemMs: Readonly<Record<string, number>>;
  readonly steadyItems: number;
  /** Between two jobs of the steady tenant, so that it wants less than its share. */
  readonly periodMs: number;
}

function drawSetting(random: SeededRandom): TenantSetting {
  const draw = (low: number, high: number): number => low + ((high - low) * random.below(10_001)) / 10_000;
  const executors = 1 + random.below(3);
  const weights = { steady: 2 ** draw(-2, 2), flood: 2 ** draw(-2, 2) };
  const itemMs = Object.fromEntries(kernels.map(({ name }) => [name, draw(3, 40)]));
  const steadyItems = 1 + random.below(3);
  const share = weights.steady / (weights.steady + weights.flood);
  const periodMs = (itemMs['steady']! * steadyItems) / (executors * share * draw(0.2, 0.85));
  return { executors, slotsInFlight: 1 + random.below(2), weights, itemMs, steadyItems, periodMs };
}

/** The broker, as far as it is looked at here. */
interface BrokerInside {
  readonly queue: QueueInside;
  /** Takes what executors have completed, as its reaper does when it is rung for. */
  reap(): number;
}

/** A way to take slots that is wrong, put in place of the broker's. */
export type Breakage = (queue: QueueInside) => void;

/** The broker's queue, as far as it is broken. */
export interface QueueInside {
  readonly tenants: ReadonlyMap<string, TenantInside>;
  next(): { readonly tenant: TenantInside; readonly lane: LaneInside } | undefined;
  tenant(name: string): TenantInside;
}
interface TenantInside {
  weight: number;
  readonly lanes: readonly LaneInside[];
}
interface LaneInside {
  readonly batch: { readonly jobs: readonly TimedJob[] } | undefined;
  peek(): TimedJob | undefined;
}
interface TimedJob extends SimulatedJob {
  readonly submittedMs: number;
}

/** An executor on the simulation's clock: what it runs, and until when. */
interface TimedExecutor {
  readonly executor: ReferenceExecutor;
  endsMs: number | undefined;
}

/**
 * Two tenants on one device, in virtual time: entries take what they cost, one floods the device, and the other submits
 * steadily less than its share.
 */
export class TenantSimulation {
  private readonly executors: readonly TimedExecutor[];
  private readonly device: SimDevice;
  private readonly inside: BrokerInside;
  /** When the first entry of a job began. */
  private readonly begunMs = new Map<SimulatedJob, number>();
  private readonly steady: TimedJob[] = [];
  private longestSlotMs = 0;
  private nextSteadyMs = Infinity;

  private constructor(
    private readonly random: SeededRandom,
    private readonly setting: TenantSetting,
    private readonly sim: SimBridge,
  ) {
    this.device = sim.devices[0]!;
    this.inside = this.device.inside as unknown as BrokerInside;
    this.executors = this.device.device.executors.map((executor) => ({ executor, endsMs: undefined }));
  }

  /**
   * @returns what happened, for the sums over all seeds.
   * @throws when the steady tenant waited longer than two slots take.
   */
  static async run(seed: number, breakage?: Breakage): Promise<Readonly<Record<string, number>>> {
    const random = new SeededRandom(seed);
    const setting = drawSetting(random);
    const { steady, flood } = setting.weights;
    const sim = await SimBridge.open(
      {
        kernels,
        cpu: false,
        broker: { slotsInFlight: setting.slotsInFlight },
        tenants: { named: { steady: { weight: steady }, flood: { weight: flood } } },
      },
      // Its own clock stands still, so that the broker takes the time of entries from the simulation's.
      {
        devices: 1,
        executors: setting.executors,
        arenaBytes: 2 ** 20,
        faultDomain: 'executor',
        clock: new FakeClock(0n, 0n),
      },
    );
    const simulation = new TenantSimulation(random, setting, sim);
    breakage?.(simulation.inside.queue);
    return simulation.run();
  }

  private async run(): Promise<Readonly<Record<string, number>>> {
    await this.warmUp();
    for (let events = 0; events < EVENTS || this.hasWaiting(); events++) {
      if (events === EVENTS) this.nextSteadyMs = Infinity;
      await this.flood();
      await this.sim.settle(1);
      this.begin();
      await this.passTime();
    }
    const waitsMs = this.steady.map((job) => this.begunMs.get(job)! - job.submittedMs);
    const worstMs = Math.max(...waitsMs);
    const { info } = this.device;
    await this.sim.stop(() => {
      for (const { executor } of this.executors) while (executor.step());
      this.sim.clock.advanceMs(50);
    });
    const bound = 2 * this.longestSlotMs + DRIFT_MS;
    assert.ok(
      worstMs <= bound,
      `${worstMs} ms of waiting, slots of ${this.longestSlotMs} ms: ${JSON.stringify(this.setting)}`,
    );
    return {
      floodSlots: info.counters.slots - this.steady.length,
      steady: this.steady.length,
      waited: waitsMs.filter((ms) => ms > DRIFT_MS).length,
      waitedForMoreThanOne: waitsMs.filter((ms) => ms > this.longestSlotMs).length,
    };
  }

  /** One entry of each kernel, so that the broker knows what they take and cuts no slot that is longer than an item. */
  private async warmUp(): Promise<void> {
    for (const { name } of kernels) {
      const handle = await this.sim.bridge.getKernel(name).submitBatch({ x: new Uint32Array(1) }, { tenant: 'flood' });
      await this.sim.settle(1);
      this.begin();
      const ended = handle.result;
      this.nextSteadyMs = Infinity;
      await this.passTime();
      assert.equal((await ended).outcome, 'completed');
      handle.dispose();
    }
    this.begunMs.clear();
    this.nextSteadyMs = this.sim.clock.nowMs() + this.setting.periodMs * this.random.below(100) * 0.01;
  }

  private hasWaiting(): boolean {
    return this.steady.some((job) => !this.begunMs.has(job));
  }

  /** Keeps the flooding tenant's queue deep. */
  private async flood(): Promise<void> {
    const waiting = (): number => this.device.inside.queue.tenants.get('flood')?.queued ?? 0;
    while (waiting() < FLOOD_DEPTH) {
      const name = `flood-${'abc'[this.random.below(3)]}`;
      const x = new Uint32Array(1 + this.random.below(4));
      const handle = await this.sim.bridge.getKernel(name).submitBatch({ x }, { tenant: 'flood' });
      void handle.result.then(() => handle.dispose());
    }
  }

  private async submitSteady(): Promise<void> {
    const x = new Uint32Array(this.setting.steadyItems);
    const handle = await this.sim.bridge.getKernel('steady').submitBatch({ x }, { tenant: 'steady' });
    void handle.result.then(() => handle.dispose());
    this.steady.push(handle as unknown as TimedJob);
  }

  /** Idle executors take what is in their rings. */
  private begin(): void {
    const nowMs = this.sim.clock.nowMs();
    for (const timed of this.executors) {
      if (timed.endsMs !== undefined) continue;
      const record = this.device.nextRecord(timed.executor);
      if (record === undefined) continue;
      for (const job of record.jobs()) if (!this.begunMs.has(job)) this.begunMs.set(job, nowMs);
      const costMs = this.costMs(record);
      this.longestSlotMs = Math.max(this.longestSlotMs, costMs);
      timed.endsMs = nowMs + costMs;
    }
  }

  private costMs({ itemCount, batch }: SlotRecord): number {
    const { name } = (batch as unknown as { readonly kernel: { readonly descriptor: { readonly name: string } } })
      .kernel.descriptor;
    return itemCount * this.setting.itemMs[name]!;
  }

  /** To the next event, which then happens. */
  private async passTime(): Promise<void> {
    const { clock } = this.sim;
    const ends = this.executors.map(({ endsMs = Infinity }) => endsMs);
    const untilMs = Math.min(this.nextSteadyMs, ...ends);
    clock.advanceMs(Math.max(0, untilMs - clock.nowMs()));
    for (const timed of this.executors) {
      if (timed.endsMs === undefined || timed.endsMs > untilMs) continue;
      assert.ok(timed.executor.step());
      timed.endsMs = undefined;
    }
    this.inside.reap();
    if (untilMs < this.nextSteadyMs) return;
    await this.submitSteady();
    this.nextSteadyMs += this.setting.periodMs;
  }
}
