import type { Worker } from 'node:worker_threads';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Executor } from '@gpu-bridge/abstractions';
import { RingMemory, SiloEnd } from '@gpu-bridge/protocol';
import type { WarmWorkers } from './warm-workers.js';
import type { KernelMessage, StartMessage, WorkerReport } from './worker-messages.js';

export interface CpuExecutorSetting {
  readonly deviceId: string;
  readonly group: number;
  readonly memory: WebAssembly.Memory;
  readonly ringOffset: number;
  readonly ringCapacity: number;
  readonly arenaOffset: number;
  readonly arenaEnd: number;
  readonly spinPolls: number;
}

/** One worker thread and its ring. */
export class CpuExecutor implements Executor {
  readonly group: number;
  ring: SiloEnd;
  generation = 0;
  onExit: Executor['onExit'];

  private worker: Worker | undefined;
  private held = false;

  constructor(
    private readonly setting: CpuExecutorSetting,
    private readonly workers: WarmWorkers,
    private readonly kernels: readonly KernelMessage[],
  ) {
    this.group = setting.group;
    this.ring = this.newRing();
  }

  async start(): Promise<void> {
    this.generation++;
    this.ring = this.newRing();
    const { worker, warm } = this.workers.take();
    this.worker = worker;
    const polling = new Promise<void>((resolve, reject) => {
      const gone = (code: number): void =>
        reject(new Error(`the worker thread ended with code ${code} while starting`));
      worker.once('exit', gone);
      worker.on('message', (report: WorkerReport) => {
        if (report !== 'polling') return;
        worker.off('exit', gone);
        resolve();
      });
    });
    let lastError: Error | undefined;
    worker.on('error', (error) => (lastError = error));
    worker.once('exit', (code) => {
      if (this.worker !== worker) return; // killed or closed by us
      this.worker = undefined;
      this.onExit?.(lastError?.message ?? `the worker thread ended with code ${code}`, 'fault');
    });
    // The thread must be referenced while it starts, or a process with nothing else to do exits before it polls.
    worker.ref();
    try {
      await warm;
      worker.postMessage(this.startMessage());
      await polling;
    } catch (cause) {
      this.worker = undefined;
      await worker.terminate();
      throw new GpuBridgeError(
        'DEVICE_LOST',
        { deviceId: this.setting.deviceId, deviceGeneration: this.generation },
        `executor ${this.group} did not start: ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause },
      );
    }
    this.hold(this.held);
    if (this.generation > 1) this.workers.prepare(); // this restart used the spare up
  }

  async kill(): Promise<void> {
    const worker = this.worker;
    this.worker = undefined;
    await worker?.terminate();
  }

  hold(keep: boolean): void {
    this.held = keep;
    if (keep) this.worker?.ref();
    else this.worker?.unref();
  }

  /** Hands a kernel to the running incarnation's side channel; one that is not running gets it at its start. */
  send(kernel: KernelMessage): void {
    this.worker?.postMessage(kernel);
  }

  /** Ends the incarnation after the entries it has, or by force after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    const worker = this.worker;
    if (worker === undefined) return;
    this.worker = undefined;
    worker.ref();
    const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    const timer = setTimeout(() => void worker.terminate(), graceMs);
    this.ring.requestStop();
    await exited;
    clearTimeout(timer);
  }

  private newRing(): SiloEnd {
    const { memory, ringOffset, ringCapacity } = this.setting;
    const ring = new RingMemory(memory.buffer, ringOffset, ringCapacity);
    ring.initialise(this.generation);
    return new SiloEnd(ring);
  }

  private startMessage(): StartMessage {
    const { memory, group, ringOffset, ringCapacity, arenaOffset, arenaEnd, spinPolls } = this.setting;
    const kernels = [...this.kernels];
    return { kind: 'start', memory, group, ringOffset, ringCapacity, arenaOffset, arenaEnd, spinPolls, kernels };
  }
}
