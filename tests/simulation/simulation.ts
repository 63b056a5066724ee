import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Allocation, KernelHandle } from '@gpu-bridge/abstractions';
import { SeededRandom } from '@gpu-bridge/testkit';
import assert from 'node:assert/strict';
import { ExecutorDriver } from './executor-driver.js';
import { Invariants } from './invariants.js';
import { drawRequest } from './job-request.js';
import { SimBridge } from './sim-bridge.js';
import { simKernels } from './sim-jobs.js';
import type { JobPlan } from './sim-jobs.js';
import { drawSettings, optionsOf } from './sim-settings.js';
import type { SimSettings } from './sim-settings.js';
import { SlowReaders, TrackedJob } from './tracked-job.js';
import type { SimKernel } from './tracked-job.js';

const STEPS = 90;
/** Rounds in which everything must have ended once nothing new goes wrong. */
const ROUNDS_TO_END = 3_000;
const COUNTED = ['coalesced', 'deaths', 'expired', 'refused', 'redirected', 'fallbacks'] as const;

/** What happened in a run, so that a schedule in which nothing goes wrong is noticed. */
type Happened = Readonly<Record<string, number>>;

/** One run of the runtime under a schedule drawn from a seed. */
export class Simulation {
  private readonly history = {
    jobs: [] as TrackedJob[],
    allocations: [] as Allocation<unknown>[],
    refused: 0,
    overQuota: 0,
  };
  private readonly byHandle = new Map<unknown, TrackedJob>();
  private readonly kernels: ReadonlyMap<string, SimKernel>;
  private readonly slowReaders = new SlowReaders();
  private readonly driver: ExecutorDriver;
  private readonly invariants: Invariants;

  private constructor(
    private readonly random: SeededRandom,
    settings: SimSettings,
    private readonly sim: SimBridge,
  ) {
    this.kernels = new Map(simKernels.map(({ name }) => [name, sim.bridge.getKernel(name)]));
    this.driver = new ExecutorDriver(random, sim, (job) => this.byHandle.get(job)!);
    this.invariants = new Invariants(sim, settings, this.history);
  }

  /** @throws what was broken. */
  static async run(seed: number): Promise<Happened> {
    const random = new SeededRandom(seed);
    const settings = drawSettings(random);
    const sim = await SimBridge.open(optionsOf(settings), settings.behind);
    return new Simulation(random, settings, sim).run();
  }

  private async run(): Promise<Happened> {
    const { jobs, allocations } = this.history;
    for (let i = 0; i < STEPS; i++) {
      await this.act();
      this.invariants.checkStep();
    }
    const endsByItself = this.random.below(4) !== 0;
    if (endsByItself) await this.letEverythingEnd();
    const stoppedInQuarantine = this.isInQuarantine() ? 1 : 0;
    await this.stop();
    const onDevices = this.countOnDevices();
    await this.letReadersEnd();
    this.invariants.checkJobs();
    for (const job of jobs) job.handle.dispose();
    for (const allocation of allocations) allocation.dispose();
    // What ended while it ran may still have been in a ring when the device closed.
    if (endsByItself) this.invariants.checkNothingLeft();
    return { ...onDevices, ...this.countJobs(), stoppedInQuarantine, overQuota: this.history.overQuota };
  }

  // --- what happens --------------------------------------------------------------------------------------------------

  private async act(): Promise<void> {
    const { random, sim, driver } = this;
    const roll = random.below(100);
    if (roll < 34) await this.submitSome();
    else if (roll < 68) driver.stepSome();
    else if (roll < 72) driver.faultSome();
    else if (roll < 74) this.slowReaders.goOn();
    else if (roll < 77) this.drawJob()?.readLater();
    else if (roll < 80) this.drawJob()?.cancel();
    else if (roll < 83) this.drawJob()?.dispose();
    else if (roll < 85) this.history.jobs.find(({ allocation }) => allocation !== undefined)?.freeAllocation();
    else if (roll < 86) sim.failingStarts = random.below(3);
    else if (roll < 87) driver.disturbSome();
    else if (roll < 97) sim.clock.advanceNs(BigInt(random.below(6_000_000)));
    else await sim.clock.runFor(BigInt(random.below(120_000_000)));
    await sim.settle(random.below(3));
  }

  private drawJob(): TrackedJob | undefined {
    const { jobs } = this.history;
    return jobs[this.random.below(jobs.length)];
  }

  private async submitSome(): Promise<void> {
    // Several in one turn, as a server's handlers do: that is when jobs wait behind each other and share slots.
    const count = this.random.below(3) === 0 ? 12 : 1 + this.random.below(3);
    await Promise.all(Array.from({ length: count }, () => this.submit()));
  }

  private async submit(): Promise<void> {
    const { random, sim, history } = this;
    const request = drawRequest(random, sim);
    const { plan, hints } = request;
    const allocation = random.below(15) === 0 ? this.makeResident(plan, hints.tenant) : undefined;
    const items = allocation === undefined ? plan.items : { ...plan.items, x: allocation.data };
    const kernel = this.kernels.get(plan.kernel)!;
    let handle: KernelHandle<Record<string, unknown>>;
    try {
      handle =
        plan.launch === undefined
          ? await kernel.submitBatch(items, hints)
          : await kernel.submitGrid(items, plan.launch, hints);
    } catch (error) {
      this.refusal(error);
      return;
    }
    const slowReaders = random.below(2) === 0 ? this.slowReaders : undefined;
    const job = new TrackedJob(request, { handle, kernel, allocation, slowReaders });
    history.jobs.push(job);
    this.byHandle.set(handle, job);
  }

  private refusal(error: unknown): void {
    if (GpuBridgeError.is(error, 'QUEUE_FULL')) {
      this.history.refused++;
      assert.ok(error.details.retryAfterNs > 0n);
      return;
    }
    if (GpuBridgeError.is(error, 'ARENA_EXHAUSTED')) return;
    if (GpuBridgeError.is(error, 'QUOTA_EXCEEDED')) {
      this.history.overQuota++;
      return;
    }
    assert.ok(this.sim.quarantines.wasEverythingLost && GpuBridgeError.is(error, 'DEVICE_LOST'), String(error));
  }

  /** Moves the plan's column `x` into the arena, if there is one and room for it. */
  private makeResident(plan: JobPlan, tenant = 'default'): Allocation<unknown> | undefined {
    const { x } = plan.items;
    if (!(x instanceof Uint32Array)) return undefined;
    try {
      const device = this.sim.drawDevice(this.random).id;
      const allocation = this.sim.bridge.allocate({ kind: 'scalar', dtype: 'u32' }, x.length, { device, tenant });
      allocation.data.set(x);
      this.history.allocations.push(allocation);
      return allocation;
    } catch (error) {
      const isFull = GpuBridgeError.is(error, 'ARENA_EXHAUSTED') || GpuBridgeError.is(error, 'QUOTA_EXCEEDED');
      assert.ok(isFull, String(error));
      return undefined;
    }
  }

  // --- how it ends ---------------------------------------------------------------------------------------------------

  /** Nothing new goes wrong: every job must end by itself. */
  private async letEverythingEnd(): Promise<void> {
    const { sim, history } = this;
    sim.failingStarts = 0;
    const isBusy = (): boolean =>
      history.jobs.some(({ isLive }) => isLive) ||
      sim.devices.some(({ inside }) => inside.host.executors.some(({ outstanding }) => outstanding.length > 0));
    for (let round = 0; isBusy(); round++) {
      if (round > ROUNDS_TO_END) throw new Error(`jobs never end: ${this.describeLiveJobs()}`);
      this.work();
      await sim.settle(2);
      this.invariants.checkStep();
    }
  }

  /** Everything goes on, and nothing new comes. */
  private work(): void {
    this.driver.runUntilIdle();
    this.slowReaders.goOn();
    // Results that hold the memory others wait for are read at last, or expire.
    for (const job of this.history.jobs) if (!job.isLive) job.readLater();
    this.sim.clock.advanceMs(3);
  }

  private isInQuarantine(): boolean {
    return this.sim.devices.some(({ info }) => info.health === 'quarantined');
  }

  private async stop(): Promise<void> {
    const { sim, history } = this;
    sim.failingStarts = 0;
    await sim.stop(() => this.work());
    await sim.settle(5);
    this.invariants.checkStep();
    const live = history.jobs.filter(({ isLive }) => isLive);
    assert.equal(live.length, 0, `a stopped bridge leaves no job open: ${this.describeLiveJobs()}`);
    for (const job of history.jobs) job.readLater();
  }

  private async letReadersEnd(): Promise<void> {
    let isRead = false;
    const readers = this.history.jobs.flatMap(({ reader }) => (reader === undefined ? [] : [reader]));
    void Promise.all(readers).then(() => (isRead = true));
    for (let turns = 0; !isRead; turns++) {
      assert.ok(turns < ROUNDS_TO_END, 'every reader comes to an end');
      this.slowReaders.goOn();
      await this.sim.settle(1);
    }
  }

  // --- what is told --------------------------------------------------------------------------------------------------

  private countOnDevices(): Happened {
    const { begun: quarantines, ended: returns } = this.sim.quarantines;
    const counters = COUNTED.map((counter) => [counter, this.sim.counted(counter)] as const);
    return { ...Object.fromEntries(counters), quarantines, returns };
  }

  private countJobs(): Happened {
    const happened: Record<string, number> = {};
    const count = (what: string, times = 1): void => void (happened[what] = (happened[what] ?? 0) + times);
    for (const { result, readAll, movesWhileRead } of this.history.jobs) {
      const end = result?.error?.code ?? 'completed';
      count(end);
      count('movedWhileRead', movesWhileRead);
      if (readAll) count('readAll');
      if (end === 'completed' && result!.attempts > 1) count('survived');
    }
    return happened;
  }

  private describeLiveJobs(): string {
    const live = this.history.jobs.filter(({ isLive }) => isLive);
    return JSON.stringify({
      jobs: live.map(({ request: { plan }, handle }) => [plan.kernel, plan.itemCount, handle.state]),
      devices: this.sim.devices.map(({ inside, info }) => ({
        executors: inside.host.executors.map(({ state, outstanding }) => [state, outstanding.length]),
        arena: info.arena,
        queued: inside.queuedJobs,
      })),
    });
  }
}
