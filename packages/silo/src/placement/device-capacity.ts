import type { DatasetStore, DeviceCapacity, GpuBridge } from '@gpu-bridge/abstractions';

/** Epochs that a device names at most: a member's record, which tells other silos of them, is a small message. */
const MAX_DATASETS = 256;

/** What this silo's devices can take now; nothing without a bridge. */
export function capacityOf(
  bridge: GpuBridge | undefined,
  store: Pick<DatasetStore, 'list'> | undefined,
): readonly DeviceCapacity[] {
  if (bridge === undefined) return [];
  const epochs = [...(store?.list() ?? [])].sort((a, b) => Number(b.isCurrent) - Number(a.isCurrent));
  const { devices, kernels, refusals } = bridge.getInfo();
  return devices.map((device) => {
    const { id, type, backend, offers } = device.description;
    const refused = new Set(refusals.filter(({ deviceId }) => deviceId === id).map(({ kernelId }) => kernelId));
    return {
      deviceId: id,
      type,
      backend,
      health: device.health,
      freeArenaBytes: device.arena.capacityBytes - device.arena.usedBytes,
      queuedJobs: device.pressure.queuedJobs,
      queueUse: device.pressure.queueUse,
      oldestInFlightMs: device.oldestInFlightMs,
      utilisation: device.pressure.utilisation,
      offers,
      kernels: kernels.filter((kernel) => !refused.has(kernel.id)).map(({ name }) => name),
      datasets: epochs
        .filter(({ deviceIds }) => deviceIds.includes(id))
        .slice(0, MAX_DATASETS)
        .map((epoch) => `${epoch.id}@${epoch.epoch}`),
    };
  });
}
