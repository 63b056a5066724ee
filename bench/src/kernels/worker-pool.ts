import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Task } from './executor.js';

/** Words of the memory through which the pool and its workers meet. */
export const CONTROL = { round: 0, task: 1, nextChunk: 2, running: 3, violations: 4, words: 5 } as const;

export interface WorkerSetup {
  readonly memory: WebAssembly.Memory;
  readonly control: Int32Array<SharedArrayBuffer>;
  readonly tasks: readonly Task[];
  readonly executor: number;
}

/** Two threads that sleep until a task is started and claim its chunks from one counter. */
export class WorkerPool {
  private readonly control = new Int32Array(new SharedArrayBuffer(4 * CONTROL.words));
  private readonly workers: Worker[];

  private constructor(
    memory: WebAssembly.Memory,
    readonly tasks: readonly Task[],
    readonly threads: number,
  ) {
    this.workers = Array.from({ length: threads }, (_, executor) => {
      const workerData: WorkerSetup = { memory, control: this.control, tasks, executor };
      return new Worker(new URL('./kernels/worker.js', import.meta.url), { workerData });
    });
  }

  static async start(memory: WebAssembly.Memory, tasks: readonly Task[], threads: number): Promise<WorkerPool> {
    const pool = new WorkerPool(memory, tasks, threads);
    await Promise.all(pool.workers.map((worker) => once(worker, 'message')));
    return pool;
  }

  /**
   * Runs one task on all threads; blocks until it is done.
   *
   * @param task - index into `tasks`.
   * @returns the number of bounds violations.
   */
  run(task: number): number {
    const { control, threads } = this;
    control[CONTROL.task] = task;
    control[CONTROL.nextChunk] = 0;
    control[CONTROL.violations] = 0;
    Atomics.store(control, CONTROL.running, threads);
    Atomics.add(control, CONTROL.round, 1);
    Atomics.notify(control, CONTROL.round);
    for (;;) {
      const running = Atomics.load(control, CONTROL.running);
      if (running === 0) return Atomics.load(control, CONTROL.violations);
      if (Atomics.wait(control, CONTROL.running, running, 60_000) === 'timed-out')
        throw new Error('a worker has not finished after a minute');
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }
}
