import type { SiloEnd } from '@gpu-bridge/protocol';
import type { DeviceType, ExecutionMode } from '../bridge/execution-hints.js';
import type { KernelArtifact, KernelRequirement, KernelTarget } from '../kernels/descriptor.js';

/** What a device is and can do, known before it is opened. Declared, never discovered by a failing call. */
export interface DeviceDescription {
  /** Unique in the silo: `backend:index`, for example `cpu:0`. */
  readonly id: string;
  /** For people: the processor's or the driver's own name. */
  readonly name: string;
  readonly type: DeviceType;
  readonly backend: string;
  /** Independent consumers, one ring each. */
  readonly executors: number;
  readonly arenaBytes: number;
  readonly executionMode: ExecutionMode;
  /** Artifacts it can load, best first. */
  readonly targets: readonly KernelTarget[];
  readonly offers: readonly KernelRequirement[];
}

/** An implementation over one compute API. */
export interface ComputeBackend {
  /** `cpu`, `opencl`, `cuda` … */
  readonly name: string;
  /** Devices that could be opened now; empty when the API or a driver is missing. */
  discover(): Promise<readonly DeviceDescription[]>;
  /**
   * Opens a device with its executors running, each in generation 1. Closing it is the caller's.
   *
   * @throws GpuBridgeError `DEVICE_NOT_FOUND`, `BACKEND_UNAVAILABLE`.
   */
  open(deviceId: string): Promise<ComputeDevice>;
}

/**
 * An open device: shared memory and executors that consume rings. It executes and reports; admission, allocation,
 * ordering and recovery are the broker's.
 */
export interface ComputeDevice {
  readonly description: DeviceDescription;
  /** Host-visible memory of rings and arena. The arena is `[arenaOffset, arenaOffset + arenaBytes)`, 64-byte aligned. */
  readonly memory: SharedArrayBuffer;
  readonly arenaOffset: number;
  readonly arenaBytes: number;
  readonly executors: readonly Executor[];
  /**
   * Makes a kernel known under `kernelNumber` to executors started later, and hands it to the running ones' side
   * channel; the caller then submits `Op.LOAD_KERNEL` with that number on each ring, in the same order.
   *
   * @throws GpuBridgeError `KERNEL_BUILD_FAILED` when the device cannot prepare the artifact.
   */
  provideKernel(kernelNumber: number, artifact: KernelArtifact): Promise<void>;
  /** Stops and frees everything. Executors finish the entry they run, or are killed after `graceMs`. Idempotent. */
  close(graceMs: number): Promise<void>;
}

/**
 * One consumer of one ring: a thread, a resident kernel. It dies alone: another executor's death never affects it.
 * start → (runs) → kill or exit → start …; each start is a new generation with an empty ring.
 */
export interface Executor {
  /** Number of this executor on its device; selects scratch regions. */
  readonly group: number;
  /** The silo's end of the current incarnation's ring; replaced by `start`. */
  readonly ring: SiloEnd;
  readonly generation: number;
  /**
   * Called once per incarnation that ended without `kill` or `close`, after it can no longer touch memory. Set by the
   * device's owner right after `open`.
   */
  onExit: ((reason: string) => void) | undefined;
  /**
   * Begins a new incarnation on a cleared ring, with every provided kernel loaded that can be; resolves when it polls.
   * Only after `kill` or `onExit`.
   */
  start(): Promise<void>;
  /** Ends the incarnation at once; resolves when it can no longer touch memory. Its ring stays readable. */
  kill(): Promise<void>;
  /** Whether the executor keeps the process alive. The broker holds it while entries are outstanding. */
  hold(keep: boolean): void;
}
