import { fillWide } from '@gpu-bridge/abstractions';
import type { Allocation, DatasetData, DatasetLease, GpuBridge } from '@gpu-bridge/abstractions';
import type { GraphStore } from './resident-graph.js';

/** Keeps columns in allocations of one device's arena. */
export function allocatedStore(bridge: GpuBridge, device: string): GraphStore {
  return {
    keep: async ({ id, columns }, data) => {
      const held: Allocation<unknown>[] = [];
      const views: Record<string, unknown> = {};
      for (const [name, type] of Object.entries(columns)) {
        const given = data[name] as Uint32Array | Float64Array | BigUint64Array;
        const allocation = bridge.allocate(type, given.length, { device });
        held.push(allocation);
        const view = allocation.data as unknown as Uint32Array | BigInt64Array | BigUint64Array;
        if (given instanceof Float64Array) fillWide(view as BigInt64Array, given);
        else (view as Uint32Array).set(given as Uint32Array);
        views[name] = view;
      }
      const release = (): void => held.splice(0).forEach((allocation) => allocation.dispose());
      const sizeBytes = held.reduce((sum, allocation) => sum + allocation.sizeBytes, 0);
      return {
        ...{ id, epoch: '1', deviceId: device, data: views as DatasetData<typeof columns>, sizeBytes },
        ...{ release, [Symbol.dispose]: release },
      } satisfies DatasetLease<typeof columns>;
    },
  };
}
