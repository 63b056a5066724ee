import { availableParallelism, cpus } from 'node:os';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ComputeBackend, DeviceDescription, ResolvedCpuDeviceOptions } from '@gpu-bridge/abstractions';
import { CpuDevice } from './cpu-device.js';

/**
 * The processor as a device: kernels as WebAssembly on worker threads over one shared memory. Needs no toolchain and
 * no driver, so it is always there; it opens one device, `cpu:0`.
 */
export class CpuBackend implements ComputeBackend {
  readonly name = 'cpu';

  constructor(private readonly options: ResolvedCpuDeviceOptions) {}

  discover(): Promise<readonly DeviceDescription[]> {
    return Promise.resolve([this.describe()]);
  }

  open(deviceId: string): Promise<CpuDevice> {
    const description = this.describe();
    if (deviceId !== description.id) {
      return Promise.reject(
        new GpuBridgeError(
          'DEVICE_NOT_FOUND',
          { wanted: deviceId, known: [description.id] },
          `the cpu backend has ${description.id} only, not ${deviceId}`,
        ),
      );
    }
    return CpuDevice.open(description, this.options.spinPolls);
  }

  private describe(): DeviceDescription {
    return {
      id: 'cpu:0',
      name: cpus()[0]?.model.trim() ?? 'unknown processor',
      type: 'cpu',
      backend: this.name,
      executors: this.options.workers ?? availableParallelism(),
      arenaBytes: this.options.arenaMiB * 2 ** 20,
      executionMode: 'leased',
      executionModes: ['leased'],
      lanes: 1,
      hostCoherent: true,
      faultDomain: 'executor',
      targets: ['wasm'],
      offers: ['f64', 'i64', 'i64-atomics'],
    };
  }
}
