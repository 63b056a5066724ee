import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  Clock,
  CompiledKernel,
  ComputeDevice,
  DeviceHealth,
  KernelId,
  KernelTarget,
  Logger,
} from '@gpu-bridge/abstractions';
import { Op, Status, createCqe, createSqe } from '@gpu-bridge/protocol';
import { LoadedKernel } from '../catalog/loaded-kernel.js';
import { ExecutorSlots } from './executor-slots.js';

const MINUTE_MS = 60_000;
const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 5_000;

/** What the kernel host tells its broker. */
export interface KernelHostEvents {
  /** The executor's incarnation ended and can no longer touch memory; its outstanding entries are the broker's to place. */
  died(slots: ExecutorSlots, reason: string): void;
  /** The executor polls again. */
  revived(slots: ExecutorSlots): void;
  /** No executor is left. */
  lost(reason: string): void;
}

/**
 * Keeps the persistent kernels of one device: loads kernels into every executor, watches incarnations end, restarts
 * them with back-off, and gives a device up whose executors keep dying on their own.
 */
export class PersistentKernelHost {
  readonly executors: readonly ExecutorSlots[];
  events: KernelHostEvents | undefined;
  deaths = 0;

  private readonly kernels = new Map<KernelId, LoadedKernel>();
  private readonly recentDeathsMs: number[] = [];
  private closed = false;

  constructor(
    readonly device: ComputeDevice,
    private readonly maxDeathsPerMinute: number,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    this.executors = device.executors.map((executor) => new ExecutorSlots(executor));
    for (const slots of this.executors) {
      slots.state = 'running';
      slots.executor.onExit = (reason) => this.unexpectedExit(slots, reason);
    }
  }

  get health(): DeviceHealth {
    if (this.closed) return 'closed';
    if (this.executors.every((slots) => slots.state === 'lost')) return 'quarantined';
    if (this.executors.some((slots) => slots.state === 'dying')) return 'suspect';
    return this.executors.some((slots) => slots.state === 'starting') ? 'restarting' : 'healthy';
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

  /** Ends an executor's incarnation at once and starts the next. */
  async kill(slots: ExecutorSlots, reason: string): Promise<void> {
    if (slots.state !== 'running') return;
    slots.state = 'dying';
    this.logger.warn('killing an executor', {
      device: this.device.description.id,
      group: slots.executor.group,
      reason,
    });
    await slots.executor.kill();
    this.bury(slots, reason);
    await this.revive(slots);
  }

  async close(graceMs: number): Promise<void> {
    this.closed = true;
    await this.device.close(graceMs);
  }

  private async loadInto(slots: ExecutorSlots, kernel: LoadedKernel): Promise<void> {
    const { ring, generation } = slots.executor;
    const completion = createCqe();
    slots.executor.hold(true);
    ring.submit({ ...createSqe(), op: Op.LOAD_KERNEL, kernel: kernel.kernelNumber, generation });
    while (!ring.reap(completion)) {
      await ring.park();
      if (slots.executor.generation !== generation || slots.state !== 'running') throw this.diedLoading(kernel);
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

  private unexpectedExit(slots: ExecutorSlots, reason: string): void {
    if (slots.state === 'starting') slots.diedStarting = reason; // `revive` has not heard yet that it started
    if (this.closed || slots.state !== 'running') return;
    slots.state = 'dying';
    this.logger.error('an executor died', { device: this.device.description.id, group: slots.executor.group, reason });
    // Deaths nobody asked for: too many in a minute and the device is given up.
    this.recentDeathsMs.push(this.clock.nowMs());
    this.bury(slots, reason);
    void this.revive(slots);
  }

  private bury(slots: ExecutorSlots, reason: string): void {
    this.deaths++;
    slots.executor.ring.unpark();
    this.events?.died(slots, reason);
    slots.isExclusive = false;
    slots.state = 'starting';
  }

  private async revive(slots: ExecutorSlots): Promise<void> {
    const sinceMs = this.clock.nowMs();
    for (let backoffMs = FIRST_BACKOFF_MS; !this.closed; backoffMs = Math.min(2 * backoffMs, MAX_BACKOFF_MS)) {
      // The back-off keeps starts that fail below many limits of deaths; a minute of them is enough too.
      if (this.isHopeless() || this.clock.nowMs() - sinceMs > MINUTE_MS) return this.giveUp(slots);
      try {
        slots.diedStarting = undefined;
        await slots.executor.start();
        if (this.isClosed()) return;
        if (slots.diedStarting !== undefined) throw new Error(slots.diedStarting);
        slots.state = 'running';
        this.events?.revived(slots);
        return;
      } catch (cause) {
        this.recentDeathsMs.push(this.clock.nowMs());
        this.logger.error('an executor did not start', {
          device: this.device.description.id,
          backoffMs,
          cause: String(cause),
        });
        await this.clock.sleepNs(BigInt(backoffMs) * 1_000_000n);
      }
    }
  }

  /** `closed` may change during an await, which the compiler does not know. */
  private isClosed(): boolean {
    return this.closed;
  }

  private isHopeless(): boolean {
    const sinceMs = this.clock.nowMs() - MINUTE_MS;
    while (this.recentDeathsMs.length > 0 && this.recentDeathsMs[0]! < sinceMs) this.recentDeathsMs.shift();
    return this.recentDeathsMs.length > this.maxDeathsPerMinute;
  }

  private giveUp(slots: ExecutorSlots): void {
    slots.state = 'lost';
    if (!this.executors.every((other) => other.state === 'lost')) return;
    this.events?.lost(`${this.recentDeathsMs.length} executors died or did not start within a minute`);
  }
}

/** Why the kernel has no artifact that the device can load: the compiler's own words where it refused a target. */
function missingArtifact({ refused }: CompiledKernel, targets: readonly KernelTarget[]): string[] {
  const reasons = refused
    .filter(({ target }) => targets.includes(target))
    .map(({ target, reason }) => `${target}: ${reason}`);
  return [`an artifact for ${targets.join(' or ')}`, ...reasons];
}
