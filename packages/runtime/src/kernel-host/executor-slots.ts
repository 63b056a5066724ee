import type { Executor, ExecutorInfo } from '@gpu-bridge/abstractions';
import type { InFlightEntry } from '../broker/in-flight-table.js';
import { Pulse } from '../health/pulse.js';

export type ExecutorState = ExecutorInfo['state'];

/** An executor as the broker sees it: what is in its ring, oldest first, and whether more may go there. */
export class ExecutorSlots {
  state: ExecutorState = 'starting';
  readonly outstanding: InFlightEntry[] = [];
  /** Runs a suspect: nothing else may be in its ring. */
  isExclusive = false;
  /** When its last completion was reaped, ms. */
  lastReapedMs = 0;
  /** Of the process that it lives in, and of its kernel, while there is work. */
  readonly hostPulse = new Pulse();
  readonly kernelPulse = new Pulse();
  /** The pending wait for its completion bell; at most one per ring. */
  waiter: Promise<void> | undefined;

  /** Why the incarnation that was just started ended before anybody used it. */
  diedStarting: string | undefined;

  constructor(readonly executor: Executor) {}

  /** The entry that runs now or ran last, if it has not been reaped. */
  runningEntry(): InFlightEntry | undefined {
    return this.outstanding.find((entry) => this.executor.ring.isRunning(entry.position));
  }

  describe(): ExecutorInfo {
    const { state, executor, outstanding, kernelPulse } = this;
    const heartbeatAgeMs = kernelPulse.hasBeaten ? kernelPulse.stillMs : undefined;
    return { state, generation: executor.generation, outstanding: outstanding.length, heartbeatAgeMs };
  }

  remove(entry: InFlightEntry): void {
    if (this.outstanding[0] === entry) this.outstanding.shift();
    else this.outstanding.splice(this.outstanding.indexOf(entry), 1);
  }
}
