import type { SiloEnd } from '@gpu-bridge/protocol';
import type { DeviceType, ExecutionMode } from '../bridge/execution-hints.js';
import type {
  KernelArtifact,
  KernelDescriptor,
  KernelRequirement,
  KernelTarget,
  LinkedKernels,
  LinkTarget,
} from '../kernels/descriptor.js';

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
  /** Mode in which entries run that ask for none. */
  readonly executionMode: ExecutionMode;
  /** Every mode that an entry can ask for; another one runs in `executionMode`. */
  readonly executionModes: readonly ExecutionMode[];
  /** Regions of scratch that each executor needs: work-items that it runs at once. */
  readonly lanes: number;
  /** Whether host and device see each other's writes while a kernel runs; else every run is copied in and out. */
  readonly hostCoherent: boolean;
  /**
   * What ends when an executor is killed: itself alone, or, where executors live in one process, all of the device. A
   * suspect then runs with nothing else on the whole device.
   */
  readonly faultDomain: 'executor' | 'device';
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
  /** Why the last `discover` found nothing, for people; undefined where it found something. */
  readonly absence?: string | undefined;
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
  /**
   * Host-visible memory of rings and arena. The arena is `[arenaOffset, arenaOffset + arenaBytes)`, 64-byte aligned.
   * Outlives the executors, and the device while anything refers to it.
   */
  readonly memory: ArrayBufferLike;
  readonly arenaOffset: number;
  readonly arenaBytes: number;
  readonly executors: readonly Executor[];
  /**
   * Makes a kernel known under `kernelNumber` to executors started later, and hands it to the running ones' side
   * channel; the caller then submits `Op.LOAD_KERNEL` with that number on each ring, in the same order.
   *
   * @throws GpuBridgeError `KERNEL_BUILD_FAILED` when the device cannot prepare the artifact.
   */
  provideKernel(kernelNumber: number, artifact: KernelArtifact, descriptor: KernelDescriptor): Promise<void>;
  /**
   * Called once after the kernels that are known at start were loaded: a device with resident kernels links and builds
   * them now. Kernels that come later run, though perhaps in another mode. Absent where there is nothing to do.
   *
   * @param link - links all loaded kernels, in which each has its number; see {@link LinkedKernels}.
   * @throws GpuBridgeError `KERNEL_BUILD_FAILED`.
   */
  seal?(link: (target: LinkTarget) => LinkedKernels): Promise<void>;
  /** What the device says about itself beyond its rings; absent where there is nothing to say. */
  telemetry?(): DeviceTelemetry;
  /** Stops and frees everything. Executors finish the entry they run, or are killed after `graceMs`. Idempotent. */
  close(graceMs: number): Promise<void>;
}

/** Figures of a device's host process. */
export interface DeviceTelemetry {
  /** Process id of the host that serves now; undefined while none does. */
  readonly hostPid: number | undefined;
  /** Memory of that process that is in use, bytes; undefined where the system does not tell. */
  readonly residentBytes: number | undefined;
  /** Whether another host stands by, warm. */
  readonly hasStandby: boolean;
  /** Hosts started so far, standbys that were used included. */
  readonly starts: number;
  /** How long the last start took until executors polled, ms; undefined before the first. */
  readonly lastStartMs: number | undefined;
}

/**
 * One consumer of one ring: a thread, a resident kernel. What else ends with it says `faultDomain`.
 * start → (runs) → kill or exit → start …; each start is a new generation with an empty ring.
 */
export interface Executor {
  /** Number of this executor on its device; selects scratch regions. */
  readonly group: number;
  /** The silo's end of the current incarnation's ring; replaced by `start`. */
  readonly ring: SiloEnd;
  readonly generation: number;
  /**
   * Called once per incarnation that ended without `kill` or `close` of its own, after it can no longer touch memory. Set
   * by the device's owner right after `open`. `collateral`: it ended because another executor of its fault domain was
   * killed, which is no fault of the device.
   */
  onExit: ((reason: string, cause: 'fault' | 'collateral') => void) | undefined;
  /**
   * Begins a new incarnation on a cleared ring, with every provided kernel loaded that can be; resolves when it polls.
   * Only after `kill` or `onExit`.
   */
  start(): Promise<void>;
  /**
   * Ends the incarnation at once; resolves when it can no longer touch memory. Its ring stays readable. Where the fault
   * domain is the device, all executors end; `onExit` of the others is called before this resolves.
   */
  kill(): Promise<void>;
  /**
   * A number that changes while the executor's host is alive, whatever its kernels do; constant only if it stands still.
   * Absent where an executor has no host of its own.
   */
  hostHeartbeat?(): number;
  /** Whether the executor keeps the process alive. The broker holds it while entries are outstanding. */
  hold(keep: boolean): void;
}
