import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  Clock,
  ComputeBackend,
  DeviceDescription,
  DeviceType,
  ExecutionMode,
  KernelRequirement,
} from '@gpu-bridge/abstractions';
import { ReferenceDevice } from './reference-device.js';

export interface ReferenceBackendOptions {
  /** Default `reference`. */
  readonly name?: string;
  /** Default `cpu`. */
  readonly type?: DeviceType;
  /** Default 1. */
  readonly devices?: number;
  /** Per device; default 2. */
  readonly executors?: number;
  /** Default 4 MiB; a multiple of 64. */
  readonly arenaBytes?: number;
  /** Entries of each queue, a power of two; default 16. */
  readonly ringCapacity?: number;
  /** Default: all. */
  readonly offers?: readonly KernelRequirement[];
  /** Work-items that it says to run at once; default 1. */
  readonly lanes?: number;
  /** Modes that it says to have, the first of them its own; it runs all of them alike. Default: leased. */
  readonly executionModes?: readonly [ExecutionMode, ...ExecutionMode[]];
  /** `device`: its executors end together, as threads of one process do, and have its heartbeat. Default `executor`. */
  readonly faultDomain?: 'executor' | 'device';
  /** True: nothing runs until a test calls `step`. Default false. */
  readonly manual?: boolean;
  /** What `durationNs` of completions is measured on; default the process's. */
  readonly clock?: Pick<Clock, 'nowNs'>;
}

/**
 * The simplest honest backend: runs `js` artifacts in the caller's thread over the real rings. It is what other
 * backends are compared with, and what tests of the runtime run on.
 */
export class ReferenceBackend implements ComputeBackend {
  readonly name: string;
  /** Every device opened so far, the latest last, for tests that step or break them. */
  readonly opened: ReferenceDevice[] = [];

  constructor(private readonly options: ReferenceBackendOptions = {}) {
    this.name = options.name ?? 'reference';
  }

  async discover(): Promise<readonly DeviceDescription[]> {
    return this.descriptions();
  }

  async open(deviceId: string): Promise<ReferenceDevice> {
    const known = this.descriptions();
    const description = known.find((d) => d.id === deviceId);
    if (description === undefined) {
      const details = { wanted: deviceId, known: known.map((d) => d.id) };
      throw new GpuBridgeError(
        'DEVICE_NOT_FOUND',
        details,
        `${this.name} has ${details.known.join(', ')}, not ${deviceId}`,
      );
    }
    const { ringCapacity = 16, manual = false, clock = { nowNs: () => process.hrtime.bigint() } } = this.options;
    const device = new ReferenceDevice(description, { ringCapacity, manual, clock });
    await Promise.all(device.executors.map((executor) => executor.start()));
    this.opened.push(device);
    return device;
  }

  private descriptions(): DeviceDescription[] {
    const { type = 'cpu', devices = 1, executors = 2, arenaBytes = 4 * 2 ** 20 } = this.options;
    const {
      offers = ['f64', 'i64', 'i64-atomics'],
      executionModes = ['leased'],
      lanes = 1,
      faultDomain = 'executor',
    } = this.options;
    return Array.from({ length: devices }, (_, index) => ({
      id: `${this.name}:${index}`,
      name: `JavaScript reference ${index}`,
      type,
      backend: this.name,
      executors,
      arenaBytes,
      executionMode: executionModes[0],
      executionModes,
      lanes,
      hostCoherent: true,
      faultDomain,
      targets: ['js'],
      offers,
    }));
  }
}
