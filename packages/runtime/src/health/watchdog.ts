import type { Cancellable, Clock, ResolvedHealthOptions } from '@gpu-bridge/abstractions';
import type { Blame } from '../kernel-host/fault-domain.js';
import type { ExecutorSlots } from '../kernel-host/executor-slots.js';

/** An executor that takes nothing for so long is stuck, however busy the machine, ms. */
const STALL_MS = 10_000;

/** What the watchdog looks at and may do. */
export interface WatchedDevice {
  readonly executors: readonly ExecutorSlots[];
  /** Takes completions that wait, so that nothing finished is taken for stuck. */
  reap(): void;
  kill(slots: ExecutorSlots, reason: string, blame: Blame): void;
  checkDeadlines(nowMs: number): void;
  /** Nothing is in a ring and no job has a deadline. */
  isIdle(): boolean;
}

/**
 * Looks at a busy device every few milliseconds: ends jobs whose deadline passed, kills executors whose slot runs
 * beyond its budget or for jobs that all failed, or whose host stands still, and keeps the process alive while something is in flight. Idle
 * devices are not looked at.
 */
export class Watchdog {
  private timer: Cancellable | undefined;
  private holding = false;

  constructor(
    private readonly clock: Clock,
    private readonly options: ResolvedHealthOptions,
    private readonly device: WatchedDevice,
  ) {}

  /** Work began. */
  wake(): void {
    if (!this.holding) this.hold(true);
    this.timer ??= this.clock.schedule(() => this.check(), this.options.checkIntervalMs);
  }

  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.hold(false);
  }

  private check(): void {
    this.timer = undefined;
    this.device.reap();
    const nowMs = this.clock.nowMs();
    this.device.checkDeadlines(nowMs);
    for (const slots of this.device.executors) this.checkExecutor(slots, nowMs);
    if (this.device.isIdle()) this.hold(false);
    else this.timer ??= this.clock.schedule(() => this.check(), this.options.checkIntervalMs);
  }

  private checkExecutor(slots: ExecutorSlots, nowMs: number): void {
    if (slots.state !== 'running' || slots.outstanding.length === 0) {
      slots.hostPulse.rest();
      slots.kernelPulse.rest();
      return;
    }
    if (this.checkPulse(slots, nowMs)) return;
    const entry = slots.runningEntry();
    if (entry === undefined) {
      this.checkIdle(slots, nowMs);
      return;
    }
    if (entry.runningSinceMs === 0) entry.runningSinceMs = nowMs;
    const ranMs = nowMs - entry.runningSinceMs;
    if (ranMs > this.options.slotBudgetMs)
      this.device.kill(
        slots,
        `a slot ran for ${Math.round(ranMs)} ms, its budget is ${this.options.slotBudgetMs} ms`,
        'named',
      );
    else if (entry.jobs().every((job) => job.error?.code === 'DEADLINE_EXCEEDED'))
      this.device.kill(slots, 'a slot runs on after its deadline', 'named');
  }

  /** Kills an executor whose host stands still: whatever ran there may have done it. @returns whether it did. */
  private checkPulse(slots: ExecutorSlots, nowMs: number): boolean {
    const { executor, hostPulse, kernelPulse } = slots;
    const { generation, ring } = executor;
    kernelPulse.look(ring.heartbeat(), generation, nowMs);
    if (executor.hostHeartbeat === undefined) return false;
    hostPulse.look(executor.hostHeartbeat(), generation, nowMs);
    if (hostPulse.stillMs < this.options.heartbeatTimeoutMs) return false;
    this.device.kill(slots, `its host stood still for ${Math.round(hostPulse.stillMs)} ms`, 'all');
    return true;
  }

  /** An executor that stands still between two entries runs nothing and is as stuck as one inside. */
  private checkIdle(slots: ExecutorSlots, nowMs: number): void {
    const oldest = slots.outstanding[0]!;
    if (oldest.waitingSinceMs === 0) oldest.waitingSinceMs = nowMs;
    if (nowMs - oldest.waitingSinceMs > STALL_MS)
      this.device.kill(slots, `it took nothing from its ring for ${STALL_MS} ms`, 'named');
  }

  private hold(keep: boolean): void {
    if (this.holding === keep) return;
    this.holding = keep;
    for (const { executor } of this.device.executors) executor.hold(keep);
  }
}
