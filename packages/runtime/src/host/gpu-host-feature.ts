import { LifecycleStage } from '@gpu-bridge/abstractions';
import type {
  Clock,
  CompiledKernel,
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
  /** Devices that cannot be had, and backends without one, and why. */
  readonly unavailable: { readonly backend: string; readonly reason: string }[] = [];

  /** Of each kernel that was refused. */
  private readonly lastRefusal = new Map<CompiledKernel, GpuBridgeError>();

  constructor(
    private readonly backends: readonly ComputeBackend[],
    private readonly catalog: KernelCatalog,
    private readonly options: ResolvedGpuBridgeOptions,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /**
   * @throws GpuBridgeError `KERNEL_BUILD_FAILED` for a kernel that does not compile or link, `BACKEND_UNAVAILABLE` when no
   *   device opens or all are lost over the kernels and one is required, `KERNEL_REFUSED` when a kernel runs on none of them.
   */
  async start(): Promise<void> {
    try {
      for (const backend of this.backends) await this.openDevices(backend);
      this.needDevices();
      const targets = this.hosts.flatMap(({ device }) => device.description.targets);
      const kernels = this.options.kernels.map((definition) => this.catalog.register(definition, targets));
      for (const kernel of kernels) {
        for (const host of this.hosts) await this.keepOrMiss(host, () => this.load(kernel, host));
        this.needTaker(kernel);
      }
      for (const host of this.hosts) await this.keepOrMiss(host, () => this.seal(host));
      for (const kernel of kernels) this.needTaker(kernel);
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

  private async openDevices(backend: ComputeBackend): Promise<void> {
    const descriptions = await backend.discover();
    if (descriptions.length === 0) this.miss(backend.name, backend.absence ?? 'no device was found');
    for (const { id } of descriptions) {
      const device = await this.openOrMiss(backend, id);
      if (device === undefined) continue;
      this.hosts = [...this.hosts, new PersistentKernelHost(device, this.options.health, this.clock, this.logger)];
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

  /** A device that is lost over what it is told to build is no use either: it would be again, after every restart. */
  private async keepOrMiss(host: PersistentKernelHost, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!GpuBridgeError.is(error, 'DEVICE_LOST')) throw error;
      const { id, backend } = host.device.description;
      this.hosts = this.hosts.filter((other) => other !== host);
      await host.close(0);
      this.miss(backend, `${id}: ${error.message}`);
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
  private async load(kernel: CompiledKernel, host: PersistentKernelHost): Promise<void> {
    try {
      await host.load(kernel);
    } catch (error) {
      if (!GpuBridgeError.is(error, 'KERNEL_REFUSED')) throw error;
      const { deviceId, missing } = error.details;
      this.logger.warn('a device refuses a kernel', { device: deviceId, kernel: kernel.descriptor.name, missing });
      this.refusals.push({ kernelId: kernel.descriptor.id, deviceId, missing });
      this.lastRefusal.set(kernel, error);
    }
  }

  private needDevices(): void {
    if (this.hosts.length === 0 && this.options.requireDevice) throw this.withoutDevices();
  }

  /** Of the devices that are left one must have the kernel. */
  private needTaker(kernel: CompiledKernel): void {
    this.needDevices();
    if (this.hosts.length === 0) return;
    const { id } = kernel.descriptor;
    if (this.hosts.every((host) => host.kernel(id) === undefined)) throw this.lastRefusal.get(kernel)!;
  }
}
