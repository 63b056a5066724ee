/** Entry point of a CPU worker thread: waits for `start`, then lives in the polling loop until stopped or killed. */
import { parentPort, receiveMessageOnPort } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { RunCheck } from '@gpu-bridge/abstractions';
import { ExecutorEnd, Op, RingMemory, Status } from '@gpu-bridge/protocol';
import type { Cqe, Sqe } from '@gpu-bridge/protocol';
import { runPollingLoop } from './polling-loop.js';
import type { KernelMessage, StartMessage, WorkerReport } from './worker-messages.js';

interface LoadedKernel {
  readonly run: (argumentBlock: number, firstItem: number, itemCount: number, group: number) => number;
  readonly check: RunCheck;
}

const MAX_U32 = 2 ** 32 - 1;

class CpuWorker {
  private readonly kernels = new Map<number, LoadedKernel>();
  private readonly ring: ExecutorEnd;
  private readonly generation: number;

  constructor(
    private readonly port: MessagePort,
    private readonly start: StartMessage,
  ) {
    const buffer = start.memory.buffer as unknown as SharedArrayBuffer;
    this.ring = new ExecutorEnd(new RingMemory(buffer, start.ringOffset, start.ringCapacity));
    this.ring.memory.checkHeader();
    this.generation = this.ring.memory.generation;
    for (const kernel of start.kernels) this.tryInstantiate(kernel);
  }

  run(): void {
    runPollingLoop(this.ring, (entry, completion) => this.handle(entry, completion), this.start.spinPolls);
  }

  private handle(entry: Readonly<Sqe>, completion: Cqe): void {
    if (entry.generation !== this.generation) completion.status = Status.STALE_GENERATION;
    else if (entry.op === Op.RUN) this.runKernel(entry, completion);
    else if (entry.op === Op.LOAD_KERNEL) completion.status = this.loadKernel(entry.kernel);
    else completion.status = Status.UNKNOWN_OP;
  }

  private runKernel(entry: Readonly<Sqe>, completion: Cqe): void {
    const kernel = this.kernels.get(entry.kernel);
    if (kernel === undefined) {
      completion.status = Status.UNKNOWN_KERNEL;
      return;
    }
    completion.status = kernel.check.statusOf(entry);
    if (completion.status !== Status.OK) return;
    try {
      const violations = kernel.run(entry.paramsLow, entry.firstItem, entry.itemCount, entry.group);
      completion.violations = violations < 0 ? MAX_U32 : violations;
    } catch {
      // A trap: the module reached memory outside the whole region, or ran out of stack.
      completion.status = Status.KERNEL_FAULT;
    }
  }

  /** Modules were posted before the entry that names them was submitted, so they wait in the port. */
  private loadKernel(kernelNumber: number): Status {
    while (!this.kernels.has(kernelNumber)) {
      const received: { message: KernelMessage } | undefined = receiveMessageOnPort(this.port);
      if (received === undefined) return Status.LOAD_FAILED;
      const loaded = this.tryInstantiate(received.message);
      if (!loaded && received.message.kernelNumber === kernelNumber) return Status.LOAD_FAILED;
    }
    return Status.OK;
  }

  /** A module that cannot be instantiated stays unknown: running it answers so, and the other kernels still run. */
  private tryInstantiate({ kernelNumber, module, shape }: KernelMessage): boolean {
    let run: unknown;
    try {
      run = new WebAssembly.Instance(module, { env: { memory: this.start.memory } }).exports['run'];
    } catch {
      return false;
    }
    if (typeof run !== 'function') return false;
    const { memory, ...bounds } = this.start;
    this.kernels.set(kernelNumber, {
      run: run as LoadedKernel['run'],
      check: new RunCheck(shape, { ...bounds, memory: memory.buffer }),
    });
    return true;
  }
}

if (parentPort !== null) {
  const port = parentPort;
  const report = (message: WorkerReport): void => port.postMessage(message);
  port.once('message', (start: StartMessage) => {
    const worker = new CpuWorker(port, start);
    report('polling');
    worker.run();
    port.close();
  });
  report('warm');
}
