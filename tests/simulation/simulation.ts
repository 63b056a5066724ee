import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  Allocation,
  DeviceCounters,
  GpuKernel,
  GpuResult,
  JobState,
  KernelHandle,
  Priority,
} from '@gpu-bridge/abstractions';
import { SeededRandom } from '@gpu-bridge/testkit';
import type { EntryFault, ReferenceExecutor } from '@gpu-bridge/testkit';
import assert from 'node:assert/strict';
import { planJob, simKernels } from './sim-jobs.js';
import type { JobPlan } from './sim-jobs.js';
import { SimBridge } from './sim-bridge.js';
import type { SimDevice, SimulatedJob, SlotRecord } from './sim-bridge.js';

const TENANTS = ['ada', 'bob', 'cyd'];
const PRIORITIES: readonly Priority[] = ['high', 'normal', 'low'];
const SLOT_BUDGET_MS = 40;
const STEPS = 90;
/** Rounds in which everything must have ended once nothing new goes wrong. */
const ROUNDS_TO_END = 3_000;

type OwnedExecutor = SimBridge['executors'][number];
type Kernel = GpuKernel<Record<string, unknown>, Record<string, unknown>>;
type Reading = 'nobody' | 'at once' | 'later' | 'first batch';

/** A job of the simulation: what was asked, what was done to it, and what was seen of it. */
interface Tracked {
  readonly plan: JobPlan;
  readonly handle: KernelHandle<Record<string, unknown>>;
  readonly tenant: string;
  readonly reading: Reading;
  readonly mode: 'copy' | 'borrow';
  /** Its reader keeps each batch for a while before it asks for the next. */
  readonly isSlow: boolean;
  readonly preferredDevice: string | undefined;
  /** The executor that takes this item dies or hangs. */
  readonly curse: { readonly item: number; readonly fault: EntryFault } | undefined;
  readonly hasDeadline: boolean;
  /** The broker that had it when it was last looked at. */
  owner: unknown;
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
  private readonly deviceCount: number;
  private readonly faultDomain: 'executor' | 'device';
  private sim!: SimBridge;
  /** Readers that keep a batch go on when these are called. */
  private waitingReaders: (() => void)[] = [];
  private movedWhileRead = 0;
  private stoppedInQuarantine = 0;
  private refused = 0;
  /** Everything ended by itself before the bridge was stopped. */
  private isQuiet = false;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.queueLimit = 8 + this.random.below(40);
    this.tenantQueueLimit = 4 + this.random.below(30);
    this.slotsInFlight = 1 + this.random.below(3);
    this.deviceCount = 1 + this.random.below(2);
    this.losesDevice = this.random.below(this.deviceCount === 1 ? 6 : 2) === 0;
    this.faultDomain = this.random.below(2) === 0 ? 'device' : 'executor';
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
        quarantineMs: 60,
        heartbeatTimeoutMs: 100,
        drainTimeoutMs,
      },
    } as const;
    this.sim = await SimBridge.open(options, {
      devices: this.deviceCount,
      faultDomain: this.faultDomain,
      executors: 1 + random.below(3),
      arenaBytes: 2 ** (15 + random.below(5)),
    });
    for (const { name } of simKernels) this.kernels.set(name, this.sim.bridge.getKernel(name));
    for (let i = 0; i < STEPS; i++) {
      await this.act();
      this.check();
    }
    if (random.below(4) !== 0) await this.letEverythingEnd();
    await this.stop(drainTimeoutMs);
    const sum = (counter: keyof DeviceCounters): number => this.sumOf(({ info }) => info.counters[counter]);
    const happened: Record<string, number> = { movedWhileRead: this.movedWhileRead };
    for (const counter of ['coalesced', 'deaths', 'expired', 'refused', 'redirected', 'fallbacks'] as const)
      happened[counter] = sum(counter);
    happened['quarantines'] = this.sim.quarantines.begun;
    happened['returns'] = this.sim.quarantines.ended;
    happened['stoppedInQuarantine'] = this.stoppedInQuarantine;
    await this.checkEnd();
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
    else if (roll < 74) this.letReadersGoOn();
    else if (roll < 77) this.readLater(this.pickJob());
    else if (roll < 80) this.cancel(this.pickJob());
    else if (roll < 83) this.dispose(this.pickJob());
    else if (roll < 85) this.freeAllocation();
    else if (roll < 86) sim.failingStarts = random.below(3);
    else if (roll < 87) this.disturbDevice();
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
    const preferredDevice = random.below(4) === 0 ? this.pickDevice().device.description.id : undefined;
    const hints = {
      tenant,
      ...(preferredDevice === undefined ? {} : { preferredDevice }),
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
      ...{ plan, handle, tenant, reading, mode, curse, hasDeadline, allocation, preferredDevice, ...state },
      isSlow: random.below(2) === 0,
      owner: ownerOf(handle),
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
      const device = this.pickDevice().device.description.id;
      const allocation = this.sim.bridge.allocate({ kind: 'scalar', dtype: 'u32' }, x.length, { device });
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
    assert.ok(this.sim.quarantines.wasEverythingLost && GpuBridgeError.is(error, 'DEVICE_LOST'), String(error));
  }

  private stepSome(): void {
    for (let n = 1 + this.random.below(6); n > 0; n--) {
      this.stepOne(this.pickExecutor());
    }
  }

  private pickDevice(): SimDevice {
    return this.sim.devices[this.random.below(this.deviceCount)]!;
  }

  private pickExecutor(): OwnedExecutor {
    const { executors } = this.sim;
    return executors[this.random.below(executors.length)]!;
  }

  /** Runs an entry; one that holds a cursed item makes the executor die or hang. */
  private stepOne({ owner, executor }: OwnedExecutor): boolean {
    const record = executor.isAlive ? owner.nextRecord(executor) : undefined;
    const fault = record === undefined ? undefined : this.cursedFault(record);
    if (record !== undefined && fault !== undefined && !owner.device.isFrozen) this.fault(executor, record, fault);
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
    const { random } = this;
    const { owner, executor } = this.pickExecutor();
    if (!executor.isAlive || owner.device.isFrozen) return;
    const record = owner.nextRecord(executor);
    if (record === undefined || random.below(2) === 0) {
      executor.exit('the simulation lets it die');
      return;
    }
    this.fault(executor, record, random.below(2) === 0 ? 'exit' : 'hang');
    executor.step();
  }

  /** Something from outside: its process stands still, or is killed for a reason of somebody else's. */
  private disturbDevice(): void {
    const { device } = this.pickDevice();
    if (device.description.faultDomain === 'executor') return;
    if (this.random.below(2) === 0) device.isFrozen = true;
    else device.executors[0]!.exit('the simulation kills its process', 'collateral');
  }

  private letReadersGoOn(): void {
    for (const goOn of this.waitingReaders.splice(0)) goOn();
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
          const items = job.plan.flatten(batch);
          job.seen.push(...items);
          if (job.isSlow) await this.keepBatch(job, () => assert.deepEqual(job.plan.flatten(batch), items));
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

  /** What a reader has stays as it is until it asks for more, unless its job was given up. */
  private async keepBatch(job: Tracked, check: () => void): Promise<void> {
    await new Promise<void>((resolve) => this.waitingReaders.push(resolve));
    const { state } = job.handle;
    if (job.mode === 'copy' || (state !== 'failed' && state !== 'cancelled' && !job.wasDisposed)) check();
  }

  private kernel(name: string): Kernel {
    return this.kernels.get(name)!;
  }

  // --- what must hold ------------------------------------------------------------------------------------------------

  private sumOf(count: (device: SimDevice) => number): number {
    return this.sim.devices.reduce((sum, device) => sum + count(device), 0);
  }

  private check(): void {
    let waiting = 0;
    for (const job of this.jobs) {
      const { state } = job.handle;
      const ended = state !== 'queued' && state !== 'running';
      if (job.endedAs !== undefined) assert.equal(state, job.endedAs, 'a job ends once');
      else if (ended) job.endedAs = state;
      if (!ended && (job.handle as unknown as SimulatedJob).batch === undefined) waiting++;
      const owner = ownerOf(job.handle);
      if (owner !== job.owner && job.seen.length > 0 && !ended) this.movedWhileRead++;
      job.owner = owner;
    }
    assert.equal(
      this.sumOf(({ inside }) => inside.queuedJobs),
      waiting,
      'the queues count the jobs that wait',
    );
    for (const device of this.sim.devices) this.checkDevice(device);
    const by = (as: JobState): number => this.jobs.filter((job) => job.endedAs === as).length;
    const sum = (counter: keyof DeviceCounters): number => this.sumOf(({ info }) => info.counters[counter]);
    assert.deepEqual(
      {
        submitted: sum('submitted') - sum('redirected'),
        completed: sum('completed'),
        failed: sum('failed'),
        cancelled: sum('cancelled'),
        refused: sum('refused'),
        live: this.sumOf(({ inside }) => inside.live.count),
      },
      {
        submitted: this.jobs.length,
        completed: by('completed'),
        failed: by('failed'),
        cancelled: by('cancelled'),
        refused: this.refused,
        live: this.jobs.filter((job) => job.endedAs === undefined).length,
      },
    );
  }

  private checkDevice({ inside, info }: SimDevice): void {
    const wasRedirected = this.sumOf((device) => device.info.counters.redirected) > 0;
    for (const { queued } of inside.queue.tenants.values()) {
      assert.ok(queued >= 0);
      assert.ok(queued <= this.tenantQueueLimit || wasRedirected, 'a tenant stays below its limit');
    }
    // What other devices had admitted comes on top.
    assert.ok(inside.queuedJobs <= this.queueLimit || wasRedirected, 'the queue stays below its limit');
    const { executors } = inside.host;
    for (const { outstanding, state } of executors) {
      assert.ok(outstanding.length <= this.slotsInFlight, 'a ring holds no more slots than it may');
      assert.ok(outstanding.length === 0 || state !== 'quarantined', 'nothing is in a ring that nobody serves');
      assert.ok(outstanding.length === 1 || !outstanding.some(({ isSuspect }) => isSuspect), 'a suspect is alone');
    }
    const records = executors.flatMap(({ outstanding }) => outstanding);
    if (this.faultDomain === 'device' && records.some(({ isSuspect }) => isSuspect))
      assert.equal(records.length, 1, 'a suspect is alone on all rings that end with its own');
    assert.ok(info.arena.usedBytes >= 0 && info.arena.usedBytes <= info.arena.capacityBytes);
  }

  /** Nothing new goes wrong: every job must end by itself. */
  private async letEverythingEnd(): Promise<void> {
    this.sim.failingStarts = 0;
    const isBusy = (): boolean =>
      this.jobs.some((job) => job.endedAs === undefined) ||
      this.sim.devices.some(({ inside }) => inside.host.executors.some(({ outstanding }) => outstanding.length > 0));
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
    for (const owned of this.sim.executors) while (this.stepOne(owned));
    this.letReadersGoOn();
    // Results that hold the memory others wait for are read at last, or expire.
    for (const job of this.jobs) if (job.reading === 'later' && job.endedAs !== undefined) this.read(job);
    this.sim.clock.advanceMs(3);
  }

  private async stop(drainTimeoutMs: number): Promise<void> {
    this.sim.failingStarts = 0;
    if (this.sim.devices.some(({ info }) => info.health === 'quarantined')) this.stoppedInQuarantine++;
    await this.sim.stop(() => this.work());
    await this.sim.settle(5);
    this.check();
    const live = this.jobs.filter((job) => job.endedAs === undefined);
    assert.equal(live.length, 0, `a stopped bridge leaves no job open: ${this.describeLiveJobs()}`);
    for (const job of this.jobs) if (job.reading === 'later') this.read(job);
    for (const job of this.jobs) if (job.result?.error?.code === 'DRAINING') assert.equal(drainTimeoutMs, 5);
  }

  private async checkEnd(): Promise<void> {
    let isRead = false;
    const readers = this.jobs.flatMap(({ reader }) => (reader === undefined ? [] : [reader]));
    void Promise.all(readers).then(() => (isRead = true));
    for (let turns = 0; !isRead; turns++) {
      assert.ok(turns < ROUNDS_TO_END, 'every reader comes to an end');
      this.letReadersGoOn();
      await this.sim.settle(1);
    }
    for (const job of this.jobs) this.checkJob(job);
    for (const job of this.jobs) job.handle.dispose();
    for (const allocation of this.allocations) allocation.dispose();
    // What ended while it ran may still have been in a ring when the device closed.
    if (!this.isQuiet) return;
    for (const { inside, info } of this.sim.devices) {
      assert.equal(info.arena.usedBytes, 0, 'all memory came back');
      assert.equal(inside.staging.liveBatches.size, 0, 'no batch is left');
      assert.equal(inside.live.withDeadline.size, 0, 'no deadline is watched');
      assert.deepEqual(
        inside.inFlight.entries.filter((entry) => entry.isUsed),
        [],
        'the journal is empty',
      );
      assert.equal(inside.queuedJobs, 0);
    }
  }

  private checkJob(job: Tracked): void {
    const { result, plan, handle } = job;
    assert.ok(result !== undefined, 'every admitted job has a result');
    assert.equal(result.outcome, job.endedAs);
    assert.equal(result.jobId, handle.jobId);
    if (job.preferredDevice !== undefined)
      assert.equal(result.fallback, result.deviceId !== job.preferredDevice, 'a fallback says that it is one');
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
      else if (code === 'DEVICE_LOST') assert.ok(this.sim.quarantines.wasEverythingLost, why);
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
    return JSON.stringify({
      jobs: live.map(({ plan, handle }) => [plan.kernel, plan.itemCount, handle.state]),
      devices: this.sim.devices.map(({ inside, info }) => ({
        executors: inside.host.executors.map(({ state, outstanding }) => [state, outstanding.length]),
        arena: info.arena,
        queued: inside.queuedJobs,
      })),
    });
  }
}

function ownerOf(handle: unknown): unknown {
  return (handle as SimulatedJob).owner;
}
