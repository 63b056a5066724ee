import type { DeviceCapacity, GpuBridge } from '@gpu-bridge/abstractions';

/** What this silo's devices can take now; nothing without a bridge. */
export function capacityOf(bridge: GpuBridge | undefined): readonly DeviceCapacity[] {
  if (bridge === undefined) return [];
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
      datasets: [],
    };
  });
}
