import { LifecycleStage } from '@gpu-bridge/abstractions';
import type {
  Clock,
  ComputeBackend,
  ComputeDevice,
  KernelRefusal,
  LifecycleParticipant,
  Logger,
  ResolvedGpuBridgeOptions,
} from '@gpu-bridge/abstractions';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { KernelCatalog } from '../catalog/kernel-catalog.js';
import { PersistentKernelHost } from '../kernel-host/persistent-kernel-host.js';

/** How long an executor may take to finish its entry when devices close; jobs were drained before. */
const CLOSE_GRACE_MS = 1_000;

/** Opens the silo's devices, compiles its kernels and keeps both until the silo stops. */
export class GpuHostFeature implements LifecycleParticipant {
  readonly name = 'gpu devices';
  readonly stage = LifecycleStage.Devices;
  hosts: readonly PersistentKernelHost[] = [];
  /** Devices that cannot run a kernel which another device took. */
  readonly refusals: KernelRefusal[] = [];
  /** Backends without a device, and why. */
  readonly unavailable: { readonly backend: string; readonly reason: string }[] = [];

  constructor(
    private readonly backends: readonly ComputeBackend[],
    private readonly catalog: KernelCatalog,
    private readonly options: ResolvedGpuBridgeOptions,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /**
   * @throws GpuBridgeError `KERNEL_BUILD_FAILED` for a kernel that does not compile or link, `BACKEND_UNAVAILABLE` when no
   *   device opens, `KERNEL_REFUSED` when a kernel runs on none of them.
   */
  async start(): Promise<void> {
    const hosts: PersistentKernelHost[] = [];
    this.hosts = hosts;
    try {
      for (const backend of this.backends) await this.openDevices(backend, hosts);
      if (hosts.length === 0) throw this.withoutDevices();
      const targets = hosts.flatMap(({ device }) => device.description.targets);
      const kernels = this.options.kernels.map((definition) => this.catalog.register(definition, targets));
      for (const kernel of kernels) await this.load(kernel, hosts);
      for (const host of hosts) await this.seal(host);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    const { hosts } = this;
    this.hosts = [];
    await Promise.all(hosts.map((host) => host.close(CLOSE_GRACE_MS)));
  }

  private async openDevices(backend: ComputeBackend, hosts: PersistentKernelHost[]): Promise<void> {
    const descriptions = await backend.discover();
    if (descriptions.length === 0) this.miss(backend.name, backend.absence ?? 'no device was found');
    for (const { id } of descriptions) {
      const device = await this.openOrMiss(backend, id);
      if (device === undefined) continue;
      hosts.push(new PersistentKernelHost(device, this.options.health, this.clock, this.logger));
      this.logger.debug('device open', { device: id, executors: device.executors.length });
    }
  }

  /** A device that is there and cannot be opened is as one that is not there: others do its work. */
  private async openOrMiss(backend: ComputeBackend, id: string): Promise<ComputeDevice | undefined> {
    try {
      return await backend.open(id);
    } catch (error) {
      if (!GpuBridgeError.is(error, 'BACKEND_UNAVAILABLE')) throw error;
      this.miss(backend.name, `${id}: ${error.details.reason}`);
      return undefined;
    }
  }

  private miss(backend: string, reason: string): void {
    this.unavailable.push({ backend, reason });
    this.logger.warn(`no ${backend} device`, { reason });
  }

  private withoutDevices(): GpuBridgeError<'BACKEND_UNAVAILABLE'> {
    const reasons = this.unavailable.map(({ backend, reason }) => `${backend}: ${reason}`);
    const reason = ['no device could be opened; leave cpu at its default to have one', ...reasons].join('; ');
    const backend = this.backends.map(({ name }) => name).join(', ') || 'none';
    return new GpuBridgeError('BACKEND_UNAVAILABLE', { backend, reason }, reason);
  }

  /** Lets a device that has resident kernels build them from all that it loaded. */
  private async seal(host: PersistentKernelHost): Promise<void> {
    const { device } = host;
    const link = device.seal === undefined ? undefined : this.catalog.linker(host.loaded());
    if (link !== undefined) await device.seal?.(link);
  }

  /** A kernel may be refused by some devices, as long as one takes it. */
  private async load(
    kernel: ReturnType<KernelCatalog['register']>,
    hosts: readonly PersistentKernelHost[],
  ): Promise<void> {
    let refusal: unknown;
    let taken = 0;
    for (const host of hosts) {
      try {
        await host.load(kernel);
        taken++;
      } catch (error) {
        if (!GpuBridgeError.is(error, 'KERNEL_REFUSED')) throw error;
        const { deviceId, missing } = error.details;
        this.logger.warn('a device refuses a kernel', { device: deviceId, kernel: kernel.descriptor.name, missing });
        this.refusals.push({ kernelId: kernel.descriptor.id, deviceId, missing });
        refusal = error;
      }
    }
    if (taken === 0) throw refusal;
  }
}
