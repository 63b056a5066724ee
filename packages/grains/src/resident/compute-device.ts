import type { DatasetStore, DeviceHealth, GpuBridge, GpuExecutionHints, KernelId } from '@gpu-bridge/abstractions';

/** Where an epoch is to be opened for a job. */
interface WantedDevice {
  /** Default: as the store chooses. */
  readonly device: string | undefined;
  /** False: no such device is there, so the bridge shall look for another one, and say so in the result. */
  readonly isThere: boolean;
}

/** Where jobs and the datasets that they read meet. */
export class ComputeDevices {
  /** Devices that do not run a kernel; known when the bridge has started, and for good. */
  private readonly refusedBy = new Map<KernelId, ReadonlySet<string>>();

  constructor(
    private readonly bridge: GpuBridge,
    private readonly store: DatasetStore,
  ) {}

  /**
   * The named device; else one that runs the kernel and is of the wanted type, rather one that has the epoch, then the one with
   * the fewest jobs. Where any will do, the store chooses.
   */
  choose(
    kernelId: KernelId,
    { preferredDevice, deviceType }: GpuExecutionHints,
    datasetId: string,
    epoch: string,
  ): WantedDevice {
    if (preferredDevice !== undefined) return { device: preferredDevice, isThere: true };
    const refusedBy = this.refusing(kernelId);
    if (deviceType === undefined && refusedBy.size === 0) return { device: undefined, isThere: true };
    const able = this.bridge
      .getInfo()
      .devices.filter(
        ({ description: { id, type }, health }) =>
          isOpen(health) && !refusedBy.has(id) && (deviceType === undefined || type === deviceType),
      );
    const having = this.store.list().find((info) => info.id === datasetId && info.epoch === epoch)?.deviceIds ?? [];
    const chosen =
      able.find(({ description: { id } }) => having.includes(id)) ??
      able.toSorted((a, b) => a.pressure.queuedJobs - b.pressure.queuedJobs)[0];
    return { device: chosen?.description.id, isThere: chosen !== undefined };
  }

  private refusing(kernelId: KernelId): ReadonlySet<string> {
    let refusedBy = this.refusedBy.get(kernelId);
    if (refusedBy === undefined) {
      const refusals = this.bridge.getInfo().refusals.filter((refusal) => refusal.kernelId === kernelId);
      refusedBy = new Set(refusals.map(({ deviceId }) => deviceId));
      this.refusedBy.set(kernelId, refusedBy);
    }
    return refusedBy;
  }
}

function isOpen(health: DeviceHealth): boolean {
  return health !== 'quarantined' && health !== 'closed';
}
