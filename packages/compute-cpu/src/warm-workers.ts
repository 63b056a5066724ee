import { Worker } from 'node:worker_threads';
import type { WorkerReport } from './worker-messages.js';

/** A worker thread whose script has loaded and that waits for its `start` message. */
export interface WarmWorker {
  readonly worker: Worker;
  /** Resolves when the script has loaded; rejects when the thread died before. */
  readonly warm: Promise<void>;
}

/**
 * Keeps one worker warm beside those in use: starting a thread takes about 45 ms, a restart with a spare about 5.
 */
export class WarmWorkers {
  private spare: WarmWorker | undefined;
  private closed = false;

  /** @param name - shown in debuggers and thread listings. */
  constructor(private readonly name: string) {}

  /** A worker for the caller to own. Call `prepare` once its start no longer competes for the processor. */
  take(): WarmWorker {
    const taken = this.spare ?? this.spawn();
    this.spare = undefined;
    return taken;
  }

  /** Starts the spare unless there is one. */
  prepare(): void {
    if (this.closed || this.spare !== undefined) return;
    const spare = this.spawn();
    this.spare = spare;
    const forget = (): void => {
      if (this.spare === spare) this.spare = undefined;
    };
    spare.worker.once('exit', forget);
    spare.warm.catch(forget);
  }

  async close(): Promise<void> {
    this.closed = true;
    const spare = this.spare;
    this.spare = undefined;
    await spare?.worker.terminate();
  }

  private spawn(): WarmWorker {
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      name: this.name,
      // Loader flags of the host (test runners, coverage) must not reach the polling thread.
      execArgv: [],
    });
    worker.unref();
    const warm = new Promise<void>((resolve, reject) => {
      worker.once('message', (report: WorkerReport) => {
        if (report === 'warm') resolve();
      });
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new Error(`the worker thread ended with code ${code} before it was ready`)));
    });
    warm.catch(() => undefined); // Whoever starts it awaits `warm`; an unused spare may fail unheard.
    return { worker, warm };
  }
}
