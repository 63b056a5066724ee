import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Cancellable, Clock, Schedule } from '@gpu-bridge/abstractions';

/** Timers take a signed 32-bit delay. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** A timer of one activation. It says when it is due, and starts its next period when the turn has ended. */
export class GrainTimer {
  private readonly periodMs: number | undefined;
  private armed: Cancellable | undefined;
  private stopped = false;

  /**
   * @param isDue - told once per period; whoever is told calls `callback` in a turn, and then `turnEnded`.
   * @throws GpuBridgeError `INVALID_ARGUMENT` for what is no function or no schedule.
   */
  constructor(
    readonly callback: () => Promise<void> | void,
    schedule: Schedule,
    private readonly clock: Clock,
    private readonly isDue: (timer: GrainTimer) => void,
  ) {
    if (typeof callback !== 'function') throw GpuBridgeError.invalidArgument('callback', callback, 'a function');
    if (typeof schedule !== 'object' || schedule === null)
      throw GpuBridgeError.invalidArgument('schedule', schedule, 'an object');
    const { dueMs, periodMs } = schedule;
    checkDelay('schedule.dueMs', dueMs, 0);
    if (periodMs !== undefined) checkDelay('schedule.periodMs', periodMs, 1);
    this.periodMs = periodMs;
    this.arm(dueMs);
  }

  /** @returns whether it will be due again. */
  turnEnded(): boolean {
    if (this.stopped || this.periodMs === undefined) return false;
    this.arm(this.periodMs);
    return true;
  }

  stop(): void {
    this.stopped = true;
    this.armed?.cancel();
  }

  private arm(delayMs: number): void {
    this.armed = this.clock.schedule(() => this.isDue(this), delayMs);
  }
}

function checkDelay(field: string, value: unknown, low: number): void {
  if (typeof value === 'number' && value >= low && value <= MAX_DELAY_MS) return;
  throw GpuBridgeError.invalidArgument(field, value, `a number of ${low}..${MAX_DELAY_MS}`);
}
