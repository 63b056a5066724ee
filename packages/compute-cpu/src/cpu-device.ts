import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ComputeDevice, DeviceDescription, KernelArtifact, KernelDescriptor } from '@gpu-bridge/abstractions';
import { ringSizeBytes } from '@gpu-bridge/protocol';
import { CpuExecutor } from './cpu-executor.js';
import { WarmWorkers } from './warm-workers.js';
import type { KernelMessage } from './worker-messages.js';

/** Entries of each ring; the broker keeps far fewer in flight. */
const RING_CAPACITY = 16;
const WASM_PAGE_BYTES = 65_536;

/** Worker threads over one shared WebAssembly memory: rings first, then the arena. */
export class CpuDevice implements ComputeDevice {
  readonly memory: SharedArrayBuffer;
  readonly arenaOffset: number;
  readonly arenaBytes: number;
  readonly executors: readonly CpuExecutor[];

  private readonly kernels: KernelMessage[] = [];
  private readonly workers: WarmWorkers;
  private closing: Promise<void> | undefined;

  private constructor(
    readonly description: DeviceDescription,
    memory: WebAssembly.Memory,
    spinPolls: number,
  ) {
    this.memory = memory.buffer as unknown as SharedArrayBuffer;
    this.arenaOffset = ringsBytes(description.executors);
    this.arenaBytes = this.memory.byteLength - this.arenaOffset;
    this.workers = new WarmWorkers(description.id);
    this.executors = Array.from(
      { length: description.executors },
      (_, group) =>
        new CpuExecutor(
          {
            deviceId: description.id,
            group,
            memory,
            ringOffset: group * ringSizeBytes(RING_CAPACITY),
            ringCapacity: RING_CAPACITY,
            arenaOffset: this.arenaOffset,
            arenaEnd: this.arenaOffset + this.arenaBytes,
            spinPolls,
          },
          this.workers,
          this.kernels,
        ),
    );
  }

  /**
   * Reserves the memory and starts the workers.
   *
   * @throws GpuBridgeError `BACKEND_UNAVAILABLE` when the address space or a thread cannot be had.
   */
  static async open(description: DeviceDescription, spinPolls: number): Promise<CpuDevice> {
    const bytes = ringsBytes(description.executors) + description.arenaBytes;
    const pages = Math.ceil(bytes / WASM_PAGE_BYTES);
    let memory: WebAssembly.Memory;
    try {
      // initial = maximum: a shared memory that grows would move nothing, but views of it would not see the new part.
      memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    } catch (cause) {
      const reason = `cannot reserve ${description.arenaBytes / 2 ** 20} MiB of shared memory; lower cpu.arenaMiB`;
      throw new GpuBridgeError('BACKEND_UNAVAILABLE', { backend: 'cpu', reason }, reason, { cause });
    }
    const device = new CpuDevice(description, memory, spinPolls);
    try {
      await Promise.all(device.executors.map((executor) => executor.start()));
    } catch (cause) {
      await device.close(0);
      throw cause;
    }
    device.workers.prepare();
    return device;
  }

  async provideKernel(kernelNumber: number, artifact: KernelArtifact, descriptor: KernelDescriptor): Promise<void> {
    if (artifact.target !== 'wasm') throw GpuBridgeError.invalidArgument('artifact.target', artifact.target, 'wasm');
    let module: WebAssembly.Module;
    try {
      module = await WebAssembly.compile(artifact.bytes);
    } catch (cause) {
      throw new GpuBridgeError(
        'KERNEL_BUILD_FAILED',
        { kernel: `number ${kernelNumber}`, diagnostics: [] },
        `the engine refuses the module: ${String(cause)}`,
        { cause },
      );
    }
    const { kind, params, layout, workgroup, workspaceBytes } = descriptor;
    const shape = { kind, params, layout, workgroup, workspaceBytes };
    const message: KernelMessage = { kind: 'kernel', kernelNumber, module, shape };
    this.kernels.push(message);
    for (const executor of this.executors) executor.send(message);
  }

  close(graceMs: number): Promise<void> {
    this.closing ??= this.closeAll(graceMs);
    return this.closing;
  }

  private async closeAll(graceMs: number): Promise<void> {
    await Promise.all([...this.executors.map((executor) => executor.close(graceMs)), this.workers.close()]);
  }
}

function ringsBytes(executors: number): number {
  return executors * ringSizeBytes(RING_CAPACITY);
}
