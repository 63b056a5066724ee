import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  ComputeBackend,
  ComputeDevice,
  DeviceDescription,
  Executor,
  KernelArtifact,
  KernelDescriptor,
} from '@gpu-bridge/abstractions';
import { FaultyRing } from './faulty-ring.js';
import type { SiloEnd } from '@gpu-bridge/protocol';
import type { BackendFault } from './backend-fault.js';

/**
 * Wraps a backend so that it misbehaves in one way, for testing what is supposed to notice: conformance suites,
 * brokers, watchdogs. Everything else is as the inner backend does it.
 */
export function faultyBackend(inner: ComputeBackend, fault: BackendFault): ComputeBackend {
  return {
    name: inner.name,
    discover: () => inner.discover(),
    open: async (deviceId) => {
      const [first] = await inner.discover();
      const device = await inner.open(fault === 'opens-anything' && first !== undefined ? first.id : deviceId);
      return new FaultyDevice(device, fault);
    },
  };
}

class FaultyDevice implements ComputeDevice {
  readonly memory: ArrayBufferLike;
  readonly arenaOffset: number;
  readonly arenaBytes: number;
  readonly description: DeviceDescription;
  readonly executors: readonly FaultyExecutor[];
  private closes = 0;

  constructor(
    private readonly inner: ComputeDevice,
    private readonly fault: BackendFault,
  ) {
    this.memory = inner.memory;
    this.arenaOffset = inner.arenaOffset;
    this.arenaBytes = inner.arenaBytes;
    this.description = fault === 'other-device' ? { ...inner.description, name: 'another' } : inner.description;
    const arena = new Uint8Array(inner.memory, inner.arenaOffset, inner.arenaBytes);
    this.executors = inner.executors.map((executor) => new FaultyExecutor(executor, fault, arena, inner.executors));
  }

  async provideKernel(kernelNumber: number, artifact: KernelArtifact, descriptor: KernelDescriptor): Promise<void> {
    try {
      await this.inner.provideKernel(kernelNumber, artifact, descriptor);
    } catch (error) {
      if (this.fault !== 'accepts-garbage') throw error;
    }
  }

  async close(graceMs: number): Promise<void> {
    this.closes++;
    if (this.fault === 'second-close-fails' && this.closes > 1) {
      throw new GpuBridgeError('DRAINING', { what: this.description.id }, 'already closed');
    }
    if (this.fault === 'close-leaves-running') {
      // It does close in the end, so that a suite leaves nothing behind.
      setTimeout(() => void this.inner.close(graceMs), 100).unref();
      return;
    }
    await this.inner.close(graceMs);
  }
}

class FaultyExecutor implements Executor {
  readonly group: number;
  private wrapped: { readonly inner: SiloEnd; readonly faulty: FaultyRing } | undefined;
  private restarts = 0;

  constructor(
    private readonly inner: Executor,
    private readonly fault: BackendFault,
    private readonly arena: Uint8Array,
    private readonly siblings: readonly Executor[],
  ) {
    this.group = inner.group;
  }

  get generation(): number {
    return this.fault === 'keeps-generation' ? this.inner.generation - this.restarts : this.inner.generation;
  }

  get ring(): SiloEnd {
    const { ring } = this.inner;
    if (this.wrapped?.inner !== ring) {
      this.wrapped = { inner: ring, faulty: new FaultyRing(ring.memory, this.fault, this.arena) };
    }
    return this.wrapped.faulty;
  }

  get onExit(): Executor['onExit'] {
    return this.inner.onExit;
  }

  set onExit(listener: Executor['onExit']) {
    this.inner.onExit = this.fault === 'silent-exit' ? undefined : listener;
  }

  async start(): Promise<void> {
    this.restarts++;
    await this.inner.start();
  }

  async kill(): Promise<void> {
    if (this.fault === 'ignores-kill') return;
    const victims = this.fault === 'kills-all' ? this.siblings : [this.inner];
    await Promise.all(victims.map((victim) => victim.kill()));
    if (this.fault === 'reports-kill-as-exit') this.onExit?.('killed', 'fault');
  }

  hold(keep: boolean): void {
    this.inner.hold(keep);
  }
}
