import type { Clock, Schedule } from '@gpu-bridge/abstractions';
import { GrainTimer } from './grain-timer.js';

/** The timers of one activation, and those of them that wait for a turn. */
export class ActivationTimers {
  private readonly timers = new Set<GrainTimer>();
  private due: GrainTimer[] = [];
  private lastTurnWasTimer = false;

  /** @throws GpuBridgeError `INVALID_ARGUMENT` for what is no function or no schedule. */
  register(
    callback: () => Promise<void> | void,
    schedule: Schedule,
    clock: Clock,
    isDue: (timer: GrainTimer) => void,
  ): Disposable {
    const timer = new GrainTimer(callback, schedule, clock, isDue);
    this.timers.add(timer);
    return {
      [Symbol.dispose]: () => {
        timer.stop();
        this.timers.delete(timer);
        this.due = this.due.filter((other) => other !== timer);
      },
    };
  }

  wait(timer: GrainTimer): void {
    this.due.push(timer);
  }

  /** The timer whose turn it is, if it is a timer's. While calls wait as well, they and the timers alternate. */
  takeDue(callsWait: boolean): GrainTimer | undefined {
    if (this.due.length === 0 || (callsWait && this.lastTurnWasTimer)) {
      this.lastTurnWasTimer = false; // a call is next, if anything is
      return undefined;
    }
    this.lastTurnWasTimer = true;
    return this.due.shift();
  }

  turnEnded(timer: GrainTimer): void {
    if (!timer.turnEnded()) this.timers.delete(timer);
  }

  stop(): void {
    for (const timer of this.timers) timer.stop();
    this.timers.clear();
    this.due = [];
  }
}
