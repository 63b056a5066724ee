import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Allocation, GpuKernel, GpuResult, JobState, KernelHandle, Priority } from '@gpu-bridge/abstractions';
import { SeededRandom } from '@gpu-bridge/testkit';
import type { EntryFault, ReferenceExecutor } from '@gpu-bridge/testkit';
import assert from 'node:assert/strict';
import { planJob, simKernels } from './sim-jobs.js';
import type { JobPlan } from './sim-jobs.js';
import { SimDevice } from './sim-device.js';
import type { SimulatedJob, SlotRecord } from './sim-device.js';

const TENANTS = ['ada', 'bob', 'cyd'];
const PRIORITIES: readonly Priority[] = ['high', 'normal', 'low'];
const SLOT_BUDGET_MS = 40;
const STEPS = 90;
/** Rounds in which everything must have ended once nothing new goes wrong. */
const ROUNDS_TO_END = 3_000;

type Kernel = GpuKernel<Record<string, unknown>, Record<string, unknown>>;
type Reading = 'nobody' | 'at once' | 'later' | 'first batch';

/** A job of the simulation: what was asked, what was done to it, and what was seen of it. */
interface Tracked {
  readonly plan: JobPlan;
  readonly handle: KernelHandle<Record<string, unknown>>;
  readonly tenant: string;
  readonly reading: Reading;
  readonly mode: 'copy' | 'borrow';
  /** The executor that takes this item dies or hangs. */
  readonly curse: { readonly item: number; readonly fault: EntryFault } | undefined;
  readonly hasDeadline: boolean;
  allocation: Allocation<unknown> | undefined;
  wasCancelled: boolean;
  wasDisposed: boolean;
  /** Executors that died or hung while they ran this job alone, as a suspect. */
  aloneFaults: number;
  endedAs: JobState | undefined;
  result: GpuResult | undefined;
  reader: Promise<void> | undefined;
  readonly seen: unknown[];
  readError: unknown;
  readAll: boolean;
}

/** One run of the runtime under a schedule drawn from a seed; `run` throws what was broken. */
export class Simulation {
  private readonly random: SeededRandom;
  private readonly jobs: Tracked[] = [];
  private readonly byHandle = new Map<unknown, Tracked>();
  private readonly allocations: Allocation<unknown>[] = [];
  private readonly kernels = new Map<string, Kernel>();
  private readonly queueLimit: number;
  private readonly tenantQueueLimit: number;
  private readonly slotsInFlight: number;
  private readonly losesDevice: boolean;
  private sim!: SimDevice;
  private refused = 0;
  /** Everything ended by itself before the bridge was stopped. */
  private isQuiet = false;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.queueLimit = 8 + this.random.below(40);
    this.tenantQueueLimit = 4 + this.random.below(30);
    this.slotsInFlight = 1 + this.random.below(3);
    this.losesDevice = this.random.below(12) === 0;
  }

  /** @returns what happened in this run, so that a schedule in which nothing goes wrong is noticed. */
  async run(): Promise<Readonly<Record<string, number>>> {
    const { random } = this;
    const { queueLimit, tenantQueueLimit, slotsInFlight, losesDevice } = this;
    const drainTimeoutMs = random.below(4) === 0 ? 5 : 600_000;
    const options = {
      kernels: simKernels,
      cpu: false,
      broker: { queueLimit, tenantQueueLimit, slotsInFlight, resultRetentionMs: 300, tenantWeights: { ada: 3 } },
      health: {
        slotBudgetMs: SLOT_BUDGET_MS,
        checkIntervalMs: 5,
        maxDeathsPerMinute: losesDevice ? 3 : 1_000_000,
        drainTimeoutMs,
      },
    } as const;
    this.sim = await SimDevice.open(options, 1 + random.below(3), 2 ** (15 + random.below(5)));
    for (const { name } of simKernels) this.kernels.set(name, this.sim.bridge.getKernel(name));
    for (let i = 0; i < STEPS; i++) {
      await this.act();
      this.check();
    }
    if (random.below(4) !== 0) await this.letEverythingEnd();
    await this.stop(drainTimeoutMs);
    const { coalesced, deaths, expired, refused } = this.sim.info.counters;
    await this.checkEnd();
    const happened: Record<string, number> = { coalesced, deaths, expired, refused };
    for (const { result, readAll } of this.jobs) {
      const end = result?.error?.code ?? 'completed';
      happened[end] = (happened[end] ?? 0) + 1;
      if (readAll) happened['readAll'] = (happened['readAll'] ?? 0) + 1;
      if (end === 'completed' && result!.attempts > 1) happened['survived'] = (happened['survived'] ?? 0) + 1;
    }
    return happened;
  }

  // --- what happens --------------------------------------------------------------------------------------------------

  private async act(): Promise<void> {
    const { random, sim } = this;
    const roll = random.below(100);
    if (roll < 34) await this.submitSome();
    else if (roll < 68) this.stepSome();
    else if (roll < 72) this.faultExecutor();
    else if (roll < 77) this.readLater(this.pickJob());
    else if (roll < 80) this.cancel(this.pickJob());
    else if (roll < 83) this.dispose(this.pickJob());
    else if (roll < 85) this.freeAllocation();
    else if (roll < 86) sim.failingStarts = random.below(3);
    else if (roll < 97) sim.clock.advanceNs(BigInt(random.below(6_000_000)));
    else await sim.clock.runFor(BigInt(random.below(120_000_000)));
    await sim.settle(random.below(3));
  }

  private async submitSome(): Promise<void> {
    // Several in one turn, as a server's handlers do: that is when jobs wait behind each other and share slots.
    const count = this.random.below(3) === 0 ? 12 : 1 + this.random.below(3);
    await Promise.all(Array.from({ length: count }, () => this.submit()));
  }

  private async submit(): Promise<void> {
    const { random, sim } = this;
    const plan = planJob(random);
    const tenant = TENANTS[random.below(TENANTS.length)]!;
    const hasDeadline = random.below(12) === 0;
    const curse =
      random.below(25) === 0
        ? { item: random.below(plan.itemCount), fault: random.below(2) === 0 ? ('exit' as const) : ('hang' as const) }
        : undefined;
    const reading = (['at once', 'at once', 'later', 'later', 'nobody', 'first batch'] as const)[random.below(6)]!;
    const mode = random.below(3) === 0 ? 'borrow' : 'copy';
    const priority = PRIORITIES[random.below(3)]!;
    const maxMicroBatch = random.below(3) === 0 ? 1 + random.below(200) : undefined;
    const deadlineNs = hasDeadline ? sim.clock.nowNs() + BigInt(1_000_000 + random.below(60_000_000)) : undefined;
    const hints = {
      tenant,
      priority,
      ...(maxMicroBatch === undefined ? {} : { maxMicroBatch }),
      ...(deadlineNs === undefined ? {} : { deadlineNs }),
    };
    const allocation = random.below(15) === 0 ? this.makeResident(plan) : undefined;
    const items = allocation === undefined ? plan.items : { ...plan.items, x: allocation.data };
    const kernel = this.kernel(plan.kernel);
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
    const state = { wasCancelled: false, wasDisposed: false, aloneFaults: 0, endedAs: undefined, result: undefined };
    const job: Tracked = {
      ...{ plan, handle, tenant, reading, mode, curse, hasDeadline, allocation, ...state },
      ...{ reader: undefined, seen: [], readError: undefined, readAll: false },
    };
    this.jobs.push(job);
    this.byHandle.set(handle, job);
    void handle.result.then((result) => (job.result = result));
    if (reading === 'at once' || reading === 'first batch') this.read(job);
  }

  /** Moves the plan's column `x` into the arena, if there is one and room for it. */
  private makeResident(plan: JobPlan): Allocation<unknown> | undefined {
    const { x } = plan.items;
    if (!(x instanceof Uint32Array)) return undefined;
    try {
      const allocation = this.sim.bridge.allocate({ kind: 'scalar', dtype: 'u32' }, x.length);
      allocation.data.set(x);
      this.allocations.push(allocation);
      return allocation;
    } catch (error) {
      assert.ok(GpuBridgeError.is(error, 'ARENA_EXHAUSTED'), String(error));
      return undefined;
    }
  }

  private refusal(error: unknown): void {
    if (GpuBridgeError.is(error, 'QUEUE_FULL')) {
      this.refused++;
      assert.ok(error.details.retryAfterNs > 0n);
      return;
    }
    if (GpuBridgeError.is(error, 'ARENA_EXHAUSTED')) return;
    assert.ok(this.losesDevice && GpuBridgeError.is(error, 'DEVICE_LOST'), String(error));
  }

  private stepSome(): void {
    for (let n = 1 + this.random.below(6); n > 0; n--) {
      this.stepOne(this.sim.device.executors[this.random.below(this.sim.device.executors.length)]!);
    }
  }

  /** Runs an entry; one that holds a cursed item makes the executor die or hang. */
  private stepOne(executor: ReferenceExecutor): boolean {
    const record = executor.isAlive ? this.sim.nextRecord(executor) : undefined;
    const fault = record === undefined ? undefined : this.cursedFault(record);
    if (record !== undefined && fault !== undefined) this.fault(executor, record, fault);
    return executor.step();
  }

  private fault(executor: ReferenceExecutor, record: SlotRecord, fault: EntryFault): void {
    if (record.isSuspect) for (const job of record.jobs()) this.byHandle.get(job)!.aloneFaults++;
    executor.faultAtNextEntry(fault);
  }

  private cursedFault(record: SlotRecord): EntryFault | undefined {
    for (const job of record.jobs()) {
      const curse = this.byHandle.get(job)!.curse;
      if (curse === undefined) continue;
      const item = job.firstItem + curse.item;
      if (item >= record.firstItem && item < record.firstItem + record.itemCount) return curse.fault;
    }
    return undefined;
  }

  /** An executor dies between two entries, or in the next one, whatever that is. */
  private faultExecutor(): void {
    const { random, sim } = this;
    const executor = sim.device.executors[random.below(sim.device.executors.length)]!;
    if (!executor.isAlive) return;
    const record = sim.nextRecord(executor);
    if (record === undefined || random.below(2) === 0) {
      executor.exit('the simulation lets it die');
      return;
    }
    this.fault(executor, record, random.below(2) === 0 ? 'exit' : 'hang');
    executor.step();
  }

  private pickJob(): Tracked | undefined {
    return this.jobs[this.random.below(this.jobs.length)];
  }

  private cancel(job: Tracked | undefined): void {
    if (job === undefined) return;
    if (job.endedAs === undefined) job.wasCancelled = true;
    job.handle.cancel();
  }

  private dispose(job: Tracked | undefined): void {
    if (job === undefined || job.reader !== undefined) return;
    if (job.endedAs === undefined) job.wasCancelled = true;
    job.wasDisposed = true;
    job.handle.dispose();
  }

  private freeAllocation(): void {
    const job = this.jobs.find((j) => j.allocation !== undefined);
    if (job?.allocation === undefined) return;
    const { allocation, handle } = job;
    const lives = handle.state === 'queued' || handle.state === 'running';
    try {
      allocation.dispose();
    } catch (error) {
      assert.ok(GpuBridgeError.is(error, 'INVALID_ARGUMENT'), String(error));
      return;
    }
    assert.ok(!lives, 'memory was freed that a job was going to read');
    job.allocation = undefined;
  }

  private readLater(job: Tracked | undefined): void {
    if (job?.reading === 'later') this.read(job);
  }

  private read(job: Tracked): void {
    if (job.reader !== undefined || job.wasDisposed) return;
    const read = async (): Promise<void> => {
      try {
        for await (const batch of this.kernel(job.plan.kernel).readResults(job.handle, { mode: job.mode })) {
          if (job.plan.launch === undefined)
            assert.equal(batch.firstItem, job.seen.length, 'batches come in order, without gaps');
          job.seen.push(...job.plan.flatten(batch));
          if (job.reading !== 'first batch') continue;
          if (job.endedAs === undefined && job.handle.state === 'running') job.wasCancelled = true;
          return;
        }
        job.readAll = true;
      } catch (error) {
        job.readError = error;
      }
    };
    job.reader = read();
  }

  private kernel(name: string): Kernel {
    return this.kernels.get(name)!;
  }

  // --- what must hold ------------------------------------------------------------------------------------------------

  private check(): void {
    const { inside, info } = this.sim;
    let waiting = 0;
    for (const job of this.jobs) {
      const { state } = job.handle;
      const ended = state !== 'queued' && state !== 'running';
      if (job.endedAs !== undefined) assert.equal(state, job.endedAs, 'a job ends once');
      else if (ended) job.endedAs = state;
      if (!ended && (job.handle as unknown as SimulatedJob).batch === undefined) waiting++;
    }
    assert.equal(inside.queuedJobs, waiting, 'the queue counts the jobs that wait');
    assert.ok(waiting <= this.queueLimit, 'the queue stays below its limit');
    for (const { queued } of inside.queue.tenants.values()) {
      assert.ok(queued >= 0 && queued <= this.tenantQueueLimit, 'a tenant stays below its limit');
    }
    for (const { outstanding } of inside.host.executors) {
      assert.ok(outstanding.length <= this.slotsInFlight, 'a ring holds no more slots than it may');
    }
    const { submitted, completed, failed, cancelled, refused } = info.counters;
    const by = (as: JobState): number => this.jobs.filter((job) => job.endedAs === as).length;
    assert.deepEqual(
      { submitted, completed, failed, cancelled, refused, live: inside.liveJobs },
      {
        submitted: this.jobs.length,
        completed: by('completed'),
        failed: by('failed'),
        cancelled: by('cancelled'),
        refused: this.refused,
        live: this.jobs.filter((job) => job.endedAs === undefined).length,
      },
    );
    assert.ok(info.arena.usedBytes >= 0 && info.arena.usedBytes <= info.arena.capacityBytes);
  }

  /** Nothing new goes wrong: every job must end by itself. */
  private async letEverythingEnd(): Promise<void> {
    this.sim.failingStarts = 0;
    const { executors } = this.sim.inside.host;
    const isBusy = (): boolean =>
      this.jobs.some((job) => job.endedAs === undefined) || executors.some(({ outstanding }) => outstanding.length > 0);
    for (let round = 0; isBusy(); round++) {
      if (round > ROUNDS_TO_END) throw new Error(`jobs never end: ${this.describeLiveJobs()}`);
      await this.round();
    }
    this.isQuiet = true;
  }

  private async round(): Promise<void> {
    this.work();
    await this.sim.settle(2);
    this.check();
  }

  private work(): void {
    for (const executor of this.sim.device.executors) while (this.stepOne(executor));
    // Results that hold the memory others wait for are read at last, or expire.
    for (const job of this.jobs) if (job.reading === 'later' && job.endedAs !== undefined) this.read(job);
    this.sim.clock.advanceMs(3);
  }

  private async stop(drainTimeoutMs: number): Promise<void> {
    this.sim.failingStarts = 0;
    await this.sim.stop(() => this.work());
    await this.sim.settle(5);
    this.check();
    const live = this.jobs.filter((job) => job.endedAs === undefined);
    assert.equal(live.length, 0, `a stopped bridge leaves no job open: ${this.describeLiveJobs()}`);
    for (const job of this.jobs) if (job.reading === 'later') this.read(job);
    for (const job of this.jobs) if (job.result?.error?.code === 'DRAINING') assert.equal(drainTimeoutMs, 5);
  }

  private async checkEnd(): Promise<void> {
    for (const job of this.jobs) await job.reader;
    for (const job of this.jobs) this.checkJob(job);
    for (const job of this.jobs) job.handle.dispose();
    for (const allocation of this.allocations) allocation.dispose();
    // What ended while it ran may still have been in a ring when the device closed.
    if (!this.isQuiet) return;
    const { inside, info } = this.sim;
    assert.equal(info.arena.usedBytes, 0, 'all memory came back');
    assert.equal(inside.staging.liveBatches.size, 0, 'no batch is left');
    assert.equal(inside.withDeadline.size, 0, 'no deadline is watched');
    assert.deepEqual(
      inside.inFlight.entries.filter((entry) => entry.isUsed),
      [],
      'the journal is empty',
    );
    assert.equal(inside.queuedJobs, 0);
  }

  private checkJob(job: Tracked): void {
    const { result, plan, handle } = job;
    assert.ok(result !== undefined, 'every admitted job has a result');
    assert.equal(result.outcome, job.endedAs);
    assert.equal(result.jobId, handle.jobId);
    const code = result.error?.code;
    const why = `a ${plan.kernel} job ended as ${result.outcome} (${code ?? 'no error'})`;
    if (result.outcome === 'completed') {
      assert.equal(job.curse, undefined, `${why}, but no executor could have run it`);
      assert.equal(plan.violates, undefined, `${why}, but it left its list`);
    } else if (result.outcome === 'cancelled') {
      assert.ok(job.wasCancelled, `${why}, but nobody cancelled it`);
    } else {
      if (code === 'JOB_POISONED') assert.ok(job.aloneFaults >= 2, `${why} after ${job.aloneFaults} deaths alone`);
      else if (code === 'BOUNDS_VIOLATION') assert.ok(plan.violates !== undefined, why);
      else if (code === 'DEADLINE_EXCEEDED') assert.ok(job.hasDeadline, why);
      else if (code === 'DEVICE_LOST') assert.ok(this.losesDevice, why);
      else assert.ok(code === 'DRAINING' || (code === 'ARENA_EXHAUSTED' && this.allocations.length > 0), why);
    }
    this.checkReading(job, result);
  }

  private checkReading(job: Tracked, result: GpuResult): void {
    if (job.reader === undefined) return;
    if (job.readAll) {
      assert.equal(result.outcome, 'completed');
      assert.deepEqual(job.seen, job.plan.expected);
    } else {
      assert.deepEqual(job.seen, job.plan.expected.slice(0, job.seen.length));
    }
    const { readError: error } = job;
    if (error === undefined) return;
    if (GpuBridgeError.is(error, 'RESULT_EXPIRED')) assert.equal(result.outcome, 'completed');
    else assert.equal(error, result.error, 'a reader gets the error of its job');
  }

  private describeLiveJobs(): string {
    const live = this.jobs.filter((job) => job.endedAs === undefined);
    const { executors } = this.sim.inside.host;
    return JSON.stringify({
      jobs: live.map(({ plan, handle }) => [plan.kernel, plan.itemCount, handle.state]),
      executors: executors.map(({ state, outstanding }) => [state, outstanding.length]),
      arena: this.sim.info.arena,
      queued: this.sim.inside.queuedJobs,
    });
  }
}
