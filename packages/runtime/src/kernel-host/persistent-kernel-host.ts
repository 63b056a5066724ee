import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  Clock,
  CompiledKernel,
  ComputeDevice,
  DeviceHealth,
  DeviceInfo,
  KernelId,
  KernelTarget,
  Logger,
  ResolvedHealthOptions,
} from '@gpu-bridge/abstractions';
import { Op, Status, createCqe, createSqe } from '@gpu-bridge/protocol';
import { LoadedKernel } from '../catalog/loaded-kernel.js';
import { DeathRate } from './death-rate.js';
import { ExecutorSlots } from './executor-slots.js';
import { FaultDomain } from './fault-domain.js';
import type { Blame, EndedExecutor, FaultDomainEvents } from './fault-domain.js';
import type { Quarantine } from './quarantine.js';

/** What the kernel host tells its broker. */
export interface KernelHostEvents {
  /** Incarnations ended together and can no longer touch memory; their outstanding entries are the broker's to place. */
  died(executors: readonly EndedExecutor[], reason: string): void;
  /** Executors poll again. */
  revived(): void;
  /** No executor is left, for now. */
  quarantined(reason: string): void;
}

/**
 * Keeps the persistent kernels of one device: loads kernels into every executor, and knows how its fault
 * domains are: see {@link FaultDomain}.
 */
export class PersistentKernelHost implements FaultDomainEvents {
  readonly executors: readonly ExecutorSlots[];
  events: KernelHostEvents | undefined;
  deaths = 0;

  private readonly kernels = new Map<KernelId, LoadedKernel>();
  private readonly domains: readonly FaultDomain[];
  private closed = false;

  constructor(
    readonly device: ComputeDevice,
    health: Pick<ResolvedHealthOptions, 'maxDeathsPerMinute' | 'quarantineMs'>,
    private readonly clock: Clock,
    logger: Logger,
  ) {
    this.executors = device.executors.map((executor) => new ExecutorSlots(executor));
    const { id, faultDomain } = device.description;
    const rate = new DeathRate(health.maxDeathsPerMinute, clock);
    const together = faultDomain === 'device' ? [this.executors] : this.executors.map((slots) => [slots]);
    this.domains = together.map((members) => new FaultDomain(members, id, rate, health, clock, logger, this));
  }

  get health(): DeviceHealth {
    if (this.closed) return 'closed';
    if (this.executors.every((slots) => slots.state === 'quarantined')) return 'quarantined';
    if (this.executors.some((slots) => slots.state === 'dying')) return 'suspect';
    return this.executors.some((slots) => slots.state === 'starting') ? 'restarting' : 'healthy';
  }

  /** Of a device of which nothing is left for now: what comes back first, and when; else undefined. */
  get quarantine(): DeviceInfo['quarantine'] {
    if (this.health !== 'quarantined') return undefined;
    let next: Quarantine | undefined;
    for (const { givenUp } of this.domains) if (givenUp!.endsAtMs < (next?.endsAtMs ?? Infinity)) next = givenUp;
    const { reason, endsAtMs, failedStarts } = next!;
    return { reason, endsInMs: Math.max(0, endsAtMs - this.clock.nowMs()), failedStarts };
  }

  kernel(id: KernelId): LoadedKernel | undefined {
    return this.kernels.get(id);
  }

  /** Every kernel that was loaded, in the order of their numbers. */
  loaded(): Iterable<LoadedKernel> {
    return this.kernels.values();
  }

  /**
   * Loads a kernel into every executor. Only before jobs are accepted: it reaps the rings itself.
   *
   * @throws GpuBridgeError `KERNEL_REFUSED` when the device lacks what the kernel requires or has no artifact for it,
   *   `KERNEL_BUILD_FAILED` when it cannot load the artifact, `DEVICE_LOST` when an executor dies over it.
   */
  async load(compiled: CompiledKernel): Promise<void> {
    const { description } = this.device;
    const { descriptor } = compiled;
    const missing: string[] = descriptor.requires.filter((need) => !description.offers.includes(need));
    const target = description.targets.find((t) => compiled.artifacts.some((a) => a.target === t));
    const artifact = compiled.artifacts.find((a) => a.target === target);
    if (artifact === undefined) missing.push(...missingArtifact(compiled, description.targets));
    if (missing.length > 0 || artifact === undefined) {
      throw new GpuBridgeError(
        'KERNEL_REFUSED',
        { kernel: descriptor.name, deviceId: description.id, missing },
        `${description.id} cannot run ${descriptor.name}: it lacks ${missing.join(', ')}`,
      );
    }
    const loaded = new LoadedKernel(descriptor, artifact, this.kernels.size + 1);
    await this.device.provideKernel(loaded.kernelNumber, artifact, descriptor);
    await Promise.all(this.executors.map((slots) => this.loadInto(slots, loaded)));
    this.kernels.set(descriptor.id, loaded);
  }

  /**
   * Ends an executor's incarnation at once, with all that share its fault domain, and starts the next.
   *
   * @param blame - whose running entry is suspected: that executor's, or that of each one which ends with it.
   */
  async kill(slots: ExecutorSlots, reason: string, blame: Blame = 'named'): Promise<void> {
    await this.domains.find(({ members }) => members.includes(slots))!.kill(slots, reason, blame);
  }

  async close(graceMs: number): Promise<void> {
    this.closed = true;
    for (const domain of this.domains) domain.close();
    await this.device.close(graceMs);
  }

  ended(executors: readonly EndedExecutor[], reason: string): void {
    this.deaths += executors.length;
    this.events?.died(executors, reason);
  }

  revived(): void {
    this.events?.revived();
  }

  gaveUp(reason: string): void {
    if (this.health === 'quarantined') this.events?.quarantined(reason);
  }

  private async loadInto(slots: ExecutorSlots, kernel: LoadedKernel): Promise<void> {
    const { ring, generation } = slots.executor;
    const completion = createCqe();
    slots.executor.hold(true);
    ring.submit({ ...createSqe(), op: Op.LOAD_KERNEL, kernel: kernel.kernelNumber, generation });
    while (!ring.reap(completion)) {
      // Looked at before every wait, the first one too: nobody rings for an executor that died before this.
      if (slots.executor.generation !== generation || slots.state !== 'running') throw this.diedLoading(kernel);
      await ring.park();
    }
    slots.executor.hold(false);
    if (completion.status === Status.OK) return;
    throw new GpuBridgeError(
      'KERNEL_BUILD_FAILED',
      { kernel: kernel.descriptor.name, diagnostics: [] },
      `${this.device.description.id} could not load ${kernel.descriptor.name} (status ${completion.status})`,
    );
  }

  private diedLoading({ descriptor: { name } }: LoadedKernel): GpuBridgeError {
    const { id: deviceId } = this.device.description;
    const details = { deviceId, deviceGeneration: this.deaths };
    return new GpuBridgeError('DEVICE_LOST', details, `an executor of ${deviceId} died while it loaded ${name}`);
  }
}

/** Why the kernel has no artifact that the device can load: the compiler's own words where it refused a target. */
function missingArtifact({ refused }: CompiledKernel, targets: readonly KernelTarget[]): string[] {
  const reasons = refused
    .filter(({ target }) => targets.includes(target))
    .map(({ target, reason }) => `${target}: ${reason}`);
  return [`an artifact for ${targets.join(' or ')}`, ...reasons];
}
