/** Longest that completions are polled for without giving the event loop a turn, ms. */
const TURN_BUDGET_MS = 0.5;
/** Longest poll for one completion before the next turn, ms; also the service time up to which polling is worth it. */
const SPIN_MS = 0.1;
/** Time without any completion after which polling stops and the reaper parks, ms. */
const PARK_AFTER_MS = 1;
/** Polls between two looks at the clock. */
const POLLS_PER_CHECK = 64;

/** What the reaper works on. */
export interface ReaperSource {
  nowMs(): number;
  /** Takes every completion that waits; returns how many. */
  drain(): number;
  /** Slots in rings. */
  outstanding(): number;
  /** Shortest expected time until an executor completes its oldest slot, ns. */
  expectedNs(): number;
  /** Resolves at the next completion, also of work that began before a later call of it. */
  park(): Promise<void>;
}

/**
 * Brings completions to JavaScript. Short jobs: polls from a microtask, behind the continuations of what it just
 * completed, so that a caller's next job follows within microseconds; a budget per event-loop turn keeps timers and
 * sockets served. Long jobs, or nothing for a while: parks on the ring's bell, so that no core spins beside the kernel.
 */
export class Reaper {
  private scheduled = false;
  private parked = false;
  private turnStartMs = -Infinity;
  private lastCompletionMs = 0;

  constructor(private readonly source: ReaperSource) {}

  /** Work is in flight: look for completions soon. */
  arm(): void {
    if (this.scheduled) return;
    const nowMs = this.source.nowMs();
    if (!this.parked) this.lastCompletionMs = nowMs;
    this.schedule(nowMs);
  }

  private schedule(nowMs: number): void {
    this.scheduled = true;
    if (nowMs - this.turnStartMs < TURN_BUDGET_MS) queueMicrotask(this.run);
    else setImmediate(this.nextTurn);
  }

  private readonly nextTurn = (): void => {
    this.turnStartMs = this.source.nowMs();
    this.run();
  };

  private readonly run = (): void => {
    this.scheduled = false;
    const { source } = this;
    const startMs = source.nowMs();
    // Polling for what takes longer would keep a core from the very thread that has to do it.
    const isSoon = source.expectedNs() <= SPIN_MS * 1e6;
    const untilMs = isSoon ? Math.min(startMs + SPIN_MS, this.turnStartMs + TURN_BUDGET_MS) : startMs;
    let nowMs = startMs;
    while (source.outstanding() > 0) {
      let reaped = 0;
      for (let i = 0; i < POLLS_PER_CHECK && reaped === 0; i++) reaped = source.drain();
      nowMs = source.nowMs();
      if (reaped > 0) {
        this.lastCompletionMs = nowMs;
        break; // let the continuations run; they were queued before the next poll
      }
      if (nowMs >= untilMs) break;
    }
    // What completed may have brought new work, and with it the next poll.
    if (this.scheduled || source.outstanding() === 0) return;
    if (!isSoon || nowMs - this.lastCompletionMs > PARK_AFTER_MS) this.park();
    else this.schedule(nowMs);
  };

  private park(): void {
    // Asked again even when parked: work that began since must be waited for too.
    const completion = this.source.park();
    if (this.parked) return;
    this.parked = true;
    void completion.then(() => {
      this.parked = false;
      if (this.scheduled) return;
      this.scheduled = true;
      this.lastCompletionMs = this.source.nowMs();
      this.nextTurn();
    });
  }
}
