import { RingMemory, ringSizeBytes } from '@gpu-bridge/protocol';
import type {
  Clock,
  ComputeDevice,
  DeviceDescription,
  KernelArtifact,
  KernelDescriptor,
} from '@gpu-bridge/abstractions';
import { ReferenceExecutor } from './reference-executor.js';
import { prepareKernel } from './reference-kernel.js';
import type { ExecutorHost } from './reference-executor.js';
import type { ProvidedKernel } from './reference-kernel.js';

export interface ReferenceDeviceSetting {
  readonly ringCapacity: number;
  readonly manual: boolean;
  readonly clock: Pick<Clock, 'nowNs'>;
}

/** An open reference device: rings first, then the arena, in one SharedArrayBuffer. */
export class ReferenceDevice implements ComputeDevice, ExecutorHost {
  readonly memory: SharedArrayBuffer;
  readonly arenaOffset: number;
  readonly arenaBytes: number;
  readonly executors: readonly ReferenceExecutor[];
  readonly manual: boolean;
  readonly clock: Pick<Clock, 'nowNs'>;
  /** Every kernel provided so far, in order. */
  readonly provided: ProvidedKernel[] = [];
  /** Stands still, as a stopped process does: nothing runs, and no heart beats, until an executor starts again. */
  isFrozen = false;
  private beats = 0;
  private closed = false;
  private nextToStep = 0;

  constructor(
    readonly description: DeviceDescription,
    setting: ReferenceDeviceSetting,
  ) {
    const { ringCapacity } = setting;
    const ringBytes = ringSizeBytes(ringCapacity);
    this.manual = setting.manual;
    this.clock = setting.clock;
    this.arenaOffset = description.executors * ringBytes;
    this.arenaBytes = description.arenaBytes;
    this.memory = new SharedArrayBuffer(this.arenaOffset + this.arenaBytes);
    this.executors = Array.from(
      { length: description.executors },
      (_, group) => new ReferenceExecutor(this, group, new RingMemory(this.memory, group * ringBytes, ringCapacity)),
    );
  }

  get isClosed(): boolean {
    return this.closed;
  }

  async provideKernel(kernelNumber: number, artifact: KernelArtifact, descriptor: KernelDescriptor): Promise<void> {
    const kernel = prepareKernel(kernelNumber, artifact, descriptor);
    this.provided.push(kernel);
    for (const executor of this.executors) executor.send(kernel);
  }

  async close(_graceMs: number): Promise<void> {
    this.closed = true;
    // Between two steps no entry runs, so there is nothing to grant a grace to.
    for (const executor of this.executors) executor.hold(false);
    await Promise.all(this.executors.map((executor) => executor.kill()));
  }

  heartbeat(): number {
    if (!this.isFrozen) this.beats++;
    return this.beats;
  }

  thaw(): void {
    this.isFrozen = false;
  }

  endOthers(first: ReferenceExecutor, reason: string, cause: 'fault' | 'collateral'): void {
    if (this.description.faultDomain === 'executor' || this.closed) return;
    for (const executor of this.executors) if (executor !== first) executor.exit(reason, cause);
  }

  told(): Promise<unknown> {
    return Promise.all(this.executors.map((executor) => executor.telling));
  }

  /** Runs one entry of the next executor, in turn, that has one; false when none has. */
  step(): boolean {
    for (let i = 0; i < this.executors.length; i++) {
      const executor = this.executors[(this.nextToStep + i) % this.executors.length]!;
      if (!executor.step()) continue;
      this.nextToStep = (executor.group + 1) % this.executors.length;
      return true;
    }
    return false;
  }

  /** Steps until no executor has an entry; returns the number of steps. */
  runUntilIdle(): number {
    let steps = 0;
    while (this.step()) steps++;
    return steps;
  }
}
