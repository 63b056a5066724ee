import { Tokens, resolveOptions } from '@gpu-bridge/abstractions';
import type {
  Clock,
  CompiledKernel,
  DeviceCounters,
  GpuBridge,
  GpuBridgeOptions,
  KernelCompiler,
  KernelDefinition,
  LifecycleParticipant,
  Logger,
} from '@gpu-bridge/abstractions';
import { createKernelCompiler } from '@gpu-bridge/kernels';
import { runtimeModule } from '@gpu-bridge/runtime';
import { FakeClock, ReferenceBackend } from '@gpu-bridge/testkit';
import type { ReferenceDevice, ReferenceExecutor, SeededRandom } from '@gpu-bridge/testkit';
import { Container } from 'inversify';
import { setImmediate as turn } from 'node:timers/promises';

/** A ring slot's record in the broker's journal, as far as the simulation looks. */
export interface SlotRecord {
  readonly position: number;
  readonly isUsed: boolean;
  /** It runs alone on its executor. */
  readonly isSuspect: boolean;
  readonly firstItem: number;
  readonly itemCount: number;
  readonly batch: { readonly isCoalesced: boolean };
  jobs(): readonly SimulatedJob[];
}
/** A handle, seen from inside. */
export interface SimulatedJob {
  readonly firstItem: number;
  readonly batch: unknown;
  readonly owner: unknown;
  readonly state: string;
  readonly tenant: string;
}
/** What the invariants are about. No test but the simulation looks this deep. */
export interface BrokerInside {
  readonly host: {
    readonly executors: readonly { readonly outstanding: readonly SlotRecord[]; readonly state: string }[];
  };
  readonly inFlight: { readonly entries: readonly SlotRecord[] };
  readonly staging: { readonly liveBatches: ReadonlySet<unknown> };
  readonly live: { readonly count: number; readonly withDeadline: ReadonlySet<unknown> };
  readonly queuedJobs: number;
  readonly queue: { readonly tenants: ReadonlyMap<string, { readonly queued: number }> };
}

/** One device of the simulated bridge, and its broker from inside. */
export class SimDevice {
  constructor(
    private readonly bridge: GpuBridge,
    private readonly index: number,
    readonly device: ReferenceDevice,
    readonly inside: BrokerInside,
  ) {}

  get id(): string {
    return this.device.description.id;
  }

  get info() {
    return this.bridge.getInfo().devices[this.index]!;
  }

  /** The record of the entry that the executor would take next. */
  nextRecord(executor: ReferenceExecutor): SlotRecord | undefined {
    const { taken } = (executor as unknown as { end: { taken: number } }).end;
    return this.inside.host.executors[executor.group]!.outstanding.find((record) => record.position === taken);
  }
}

export interface OwnedExecutor {
  readonly owner: SimDevice;
  readonly executor: ReferenceExecutor;
}

export interface SimSetting {
  readonly devices: number;
  readonly executors: number;
  readonly arenaBytes: number;
  readonly faultDomain: 'executor' | 'device';
  /** The devices' own, by which entries take time. Default: the simulation's. */
  readonly clock?: FakeClock;
}

/** A bridge on reference devices that run nothing by themselves, on a clock that only the simulation moves. */
export class SimBridge {
  readonly clock = new FakeClock(1_000_000n, 5_000n);
  readonly quarantines: QuarantineLog;
  bridge!: GpuBridge;
  devices: readonly SimDevice[] = [];
  /** Makes this many restarts of executors fail. */
  failingStarts = 0;
  private participants: LifecycleParticipant[] = [];

  private constructor(setting: SimSetting) {
    this.quarantines = new QuarantineLog(setting);
  }

  static async open(options: GpuBridgeOptions, setting: SimSetting): Promise<SimBridge> {
    const sim = new SimBridge(setting);
    const backend = new ReferenceBackend({ manual: true, clock: sim.clock, ...setting });
    const container = new Container();
    container.bind(Tokens.Options).toConstantValue(resolveOptions(options));
    container.bind(Tokens.KernelCompiler).toConstantValue(compiler);
    container.bind(Tokens.ComputeBackend).toConstantValue(backend);
    container.load(runtimeModule);
    container.rebind<Clock>(Tokens.Clock).toConstantValue(sim.clock);
    container.rebind<Logger>(Tokens.Logger).toConstantValue(sim.quarantines);
    const found = await container.getAllAsync<LifecycleParticipant>(Tokens.LifecycleParticipant);
    sim.participants = found.sort((a, b) => a.stage - b.stage);
    for (const participant of sim.participants) {
      await sim.during(participant.start(), () => {
        for (const device of backend.opened) device.runUntilIdle();
      });
    }
    sim.bridge = container.get<GpuBridge>(Tokens.GpuBridge);
    const { brokers } = sim.bridge as unknown as { readonly brokers: readonly BrokerInside[] };
    sim.devices = backend.opened.map((device, i) => new SimDevice(sim.bridge, i, device, brokers[i]!));
    for (const { device } of sim.devices) for (const executor of device.executors) sim.breakStarts(executor);
    return sim;
  }

  get executors(): readonly OwnedExecutor[] {
    return this.devices.flatMap((owner) => owner.device.executors.map((executor) => ({ owner, executor })));
  }

  drawDevice(random: SeededRandom): SimDevice {
    return this.devices[random.below(this.devices.length)]!;
  }

  /** A counter over all devices. */
  counted(counter: keyof DeviceCounters): number {
    return this.devices.reduce((sum, { info }) => sum + info.counters[counter], 0);
  }

  /** Stops the bridge and then the devices, doing `work` in every turn meanwhile. */
  async stop(work: () => void): Promise<void> {
    for (const participant of [...this.participants].reverse()) await this.during(participant.stop(), work);
  }

  /** Lets callbacks that are due run: promises, immediates, rings that were rung. */
  async settle(turns = 2): Promise<void> {
    for (let i = 0; i < turns; i++) await turn();
  }

  private async during<T>(promise: Promise<T>, work: () => void): Promise<T> {
    let isDone = false;
    const ended = promise.finally(() => (isDone = true));
    ended.catch(() => undefined);
    for (let turns = 0; !isDone; turns++) {
      if (turns > 5_000) throw new Error('the bridge neither starts nor stops');
      work();
      await turn();
    }
    return ended;
  }

  private breakStarts(executor: ReferenceExecutor): void {
    const start = executor.start.bind(executor);
    executor.start = async () => {
      if (this.failingStarts > 0) {
        this.failingStarts--;
        throw new Error('the simulation lets this start fail');
      }
      await start();
    };
  }
}

/** Knows from the log, and so at the very moment, which devices are out of use. */
class QuarantineLog implements Logger {
  begun = 0;
  ended = 0;
  /** There was a moment at which no device was left. */
  wasEverythingLost = false;
  private readonly lostDomains = new Map<string, number>();

  constructor(private readonly setting: SimSetting) {}

  debug(): void {}

  info(message: string, fields?: Readonly<Record<string, unknown>>): void {
    if (message === 'back from quarantine') this.count(fields, -1);
  }

  warn(): void {}

  error(message: string, fields?: Readonly<Record<string, unknown>>): void {
    if (message === 'given up for now') this.count(fields, 1);
  }

  private count(fields: Readonly<Record<string, unknown>> | undefined, delta: 1 | -1): void {
    const { devices, executors, faultDomain } = this.setting;
    const domains = faultDomain === 'device' ? 1 : executors;
    const device = String(fields?.['device']);
    const lost = (this.lostDomains.get(device) ?? 0) + delta;
    this.lostDomains.set(device, lost);
    if (delta > 0 && lost === domains) this.begun++;
    if (delta < 0 && lost === domains - 1) this.ended++;
    const isLost = [...this.lostDomains.values()].filter((count) => count === domains);
    if (isLost.length === devices) this.wasEverythingLost = true;
  }
}

/** Compiles each kernel once for all seeds. */
const compiler: KernelCompiler = (() => {
  const inner = createKernelCompiler();
  const compiled = new Map<KernelDefinition, CompiledKernel>();
  const compile = (definition: KernelDefinition): CompiledKernel => {
    let known = compiled.get(definition);
    if (known === undefined) compiled.set(definition, (known = inner.compile(definition)));
    return known;
  };
  return { compile };
})();
