import { Tokens, resolveOptions } from '@gpu-bridge/abstractions';
import type {
  Clock,
  CompiledKernel,
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
import type { ReferenceDevice, ReferenceExecutor } from '@gpu-bridge/testkit';
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
  readonly liveJobs: number;
  readonly queuedJobs: number;
  readonly queue: { readonly tenants: ReadonlyMap<string, { readonly queued: number }> };
  readonly withDeadline: ReadonlySet<unknown>;
}

/** A bridge on one reference device that runs nothing by itself, on a clock that only the simulation moves. */
export class SimDevice {
  readonly clock = new FakeClock(1_000_000n, 5_000n);
  bridge!: GpuBridge;
  device!: ReferenceDevice;
  inside!: BrokerInside;
  /** Makes this many restarts of executors fail. */
  failingStarts = 0;
  private participants: LifecycleParticipant[] = [];

  static async open(options: GpuBridgeOptions, executors: number, arenaBytes: number): Promise<SimDevice> {
    const sim = new SimDevice();
    const backend = new ReferenceBackend({ manual: true, executors, arenaBytes, clock: sim.clock });
    const container = new Container();
    container.bind(Tokens.Options).toConstantValue(resolveOptions(options));
    container.bind(Tokens.KernelCompiler).toConstantValue(compiler);
    container.bind(Tokens.ComputeBackend).toConstantValue(backend);
    container.load(runtimeModule);
    container.rebind<Clock>(Tokens.Clock).toConstantValue(sim.clock);
    container.rebind<Logger>(Tokens.Logger).toConstantValue(silent);
    const found = await container.getAllAsync<LifecycleParticipant>(Tokens.LifecycleParticipant);
    sim.participants = found.sort((a, b) => a.stage - b.stage);
    for (const participant of sim.participants) {
      await sim.during(participant.start(), () => backend.opened[0]?.runUntilIdle());
    }
    sim.bridge = container.get<GpuBridge>(Tokens.GpuBridge);
    sim.device = backend.opened[0]!;
    sim.inside = (sim.bridge as unknown as { brokers: BrokerInside[] }).brokers[0]!;
    for (const executor of sim.device.executors) sim.breakStarts(executor);
    return sim;
  }

  get info() {
    return this.bridge.getInfo().devices[0]!;
  }

  /** Stops the bridge and then the device, doing `work` in every turn meanwhile. */
  async stop(work: () => void): Promise<void> {
    for (const participant of [...this.participants].reverse()) await this.during(participant.stop(), work);
  }

  /** The record of the entry that the executor would take next. */
  nextRecord(executor: ReferenceExecutor): SlotRecord | undefined {
    const { taken } = (executor as unknown as { end: { taken: number } }).end;
    return this.inside.host.executors[executor.group]!.outstanding.find((record) => record.position === taken);
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

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

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
