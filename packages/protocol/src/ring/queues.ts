import {
  EXECUTOR_LINE_COMPLETION_BELL,
  EXECUTOR_LINE_HEARTBEAT,
  EXECUTOR_LINE_LEASES,
  EXECUTOR_LINE_PARKED,
  EXECUTOR_LINE_RUNNING,
  SILO_LINE_REAPER_PARKED,
  SILO_LINE_STOP,
  SILO_LINE_SUBMISSION_BELL,
  readCqe,
  readSqe,
  writeCqe,
  writeSqe,
} from '../generated/ring-abi.js';
import { EXECUTOR_LINE, SILO_LINE } from './ring-memory.js';
import type { Cqe, Sqe } from '../generated/ring-abi.js';
import type { RingMemory } from './ring-memory.js';

const STOP = SILO_LINE + SILO_LINE_STOP;
const SUBMISSION_BELL = SILO_LINE + SILO_LINE_SUBMISSION_BELL;
const REAPER_PARKED = SILO_LINE + SILO_LINE_REAPER_PARKED;
const RUNNING = EXECUTOR_LINE + EXECUTOR_LINE_RUNNING;
const EXECUTOR_PARKED = EXECUTOR_LINE + EXECUTOR_LINE_PARKED;
const COMPLETION_BELL = EXECUTOR_LINE + EXECUTOR_LINE_COMPLETION_BELL;
const HEARTBEAT = EXECUTOR_LINE + EXECUTOR_LINE_HEARTBEAT;
const LEASES = EXECUTOR_LINE + EXECUTOR_LINE_LEASES;

/**
 * The silo's end of a ring: produces submissions, consumes completions. Positions live here, not in shared memory; the
 * number outstanding never exceeds the capacity, which is what makes every slot it writes free.
 */
export class SiloEnd {
  private submitted: number;
  private reaped: number;
  private pendingParks = 0;

  /** @param firstPosition - u32; the same on both ends. 0 on a cleared ring; tests begin near 2^32 to see it wrap. */
  constructor(
    readonly memory: RingMemory,
    firstPosition = 0,
  ) {
    this.submitted = firstPosition >>> 0;
    this.reaped = this.submitted;
  }

  /** Entries submitted and not yet reaped. */
  get outstanding(): number {
    return (this.submitted - this.reaped) >>> 0;
  }

  get free(): number {
    return this.memory.capacity - this.outstanding;
  }

  /**
   * Writes and publishes one entry and wakes the executor if it is parked.
   *
   * @returns the entry's position, by which `running` names it after a death.
   * @throws RangeError when no slot is free: the caller counts slots and never gets here.
   */
  submit(entry: Readonly<Sqe>): number {
    if (this.free === 0) throw new RangeError('submission queue is full');
    const position = this.submitted;
    const slot = this.memory.submissionSlot(position);
    writeSqe(this.memory.words, slot, entry);
    this.memory.publish(slot, position);
    this.submitted = (position + 1) >>> 0;
    this.memory.wake(EXECUTOR_PARKED, SUBMISSION_BELL);
    return position;
  }

  /** Whether a completion waits. */
  ready(): boolean {
    return this.memory.isPublished(this.memory.completionSlot(this.reaped), this.reaped);
  }

  /** Reads the next completion into `into`; false when none waits. */
  reap(into: Cqe): boolean {
    const slot = this.memory.completionSlot(this.reaped);
    if (!this.memory.isPublished(slot, this.reaped)) return false;
    readCqe(this.memory.words, slot, into);
    this.reaped = (this.reaped + 1) >>> 0;
    return true;
  }

  /** Whether the entry at this position is the one that runs now or ran last: after a death, the suspect. */
  isRunning(position: number): boolean {
    return this.memory.signals.load(RUNNING) === ((position + 1) | 0);
  }

  /** Whether the executor waits for a submission or a stop. */
  isExecutorParked(): boolean {
    return this.memory.signals.load(EXECUTOR_PARKED) !== 0;
  }

  /** Grows while the executor polls or runs entries; an executor without a heartbeat stays at 0. */
  heartbeat(): number {
    return this.memory.signals.load(HEARTBEAT) >>> 0;
  }

  /** How often the executor entered its polling loop. */
  leases(): number {
    return this.memory.signals.load(LEASES) >>> 0;
  }

  /**
   * Resolves when the executor has rung the completion bell, or at once when a completion already waits. Keeps no
   * process alive: whoever waits holds a handle of its own.
   */
  async park(): Promise<void> {
    const { signals } = this.memory;
    const bell = signals.load(COMPLETION_BELL);
    this.pendingParks++;
    signals.store(REAPER_PARKED, 1);
    try {
      if (this.ready()) return;
      await signals.waitAsync(COMPLETION_BELL, bell);
    } finally {
      // A park that was given up resumes only after the next one has begun; the flag stays up for that one.
      if (--this.pendingParks === 0) signals.store(REAPER_PARKED, 0);
    }
  }

  /** Ends a pending `park`, as a completion would. */
  unpark(): void {
    this.memory.signals.notify(COMPLETION_BELL);
  }

  /** Tells the executor to return once its queue is empty. */
  requestStop(): void {
    this.memory.signals.store(STOP, 1);
    this.memory.wake(EXECUTOR_PARKED, SUBMISSION_BELL);
  }
}

/** The executor's end of a ring: consumes submissions, produces completions, in submission order. */
export class ExecutorEnd {
  private taken: number;
  private completed: number;

  /** @param firstPosition - as for {@link SiloEnd}. */
  constructor(
    readonly memory: RingMemory,
    firstPosition = 0,
  ) {
    this.taken = firstPosition >>> 0;
    this.completed = this.taken;
  }

  /** Whether a submission waits. */
  ready(): boolean {
    return this.memory.isPublished(this.memory.submissionSlot(this.taken), this.taken);
  }

  /** Names the entry as running, so that a death names its suspect, and reads it. Only after `ready`. */
  take(into: Sqe): void {
    this.memory.signals.store(RUNNING, (this.taken + 1) | 0);
    readSqe(this.memory.words, this.memory.submissionSlot(this.taken), into);
    this.taken = (this.taken + 1) >>> 0;
  }

  /** Publishes a completion and wakes the reaper if it is parked. */
  complete(entry: Readonly<Cqe>): void {
    const slot = this.memory.completionSlot(this.completed);
    writeCqe(this.memory.words, slot, entry);
    this.memory.publish(slot, this.completed);
    this.completed = (this.completed + 1) >>> 0;
    this.memory.wake(REAPER_PARKED, COMPLETION_BELL);
  }

  stopRequested(): boolean {
    return this.memory.signals.load(STOP) !== 0;
  }

  /** Counts one entry into the polling loop. */
  beginLease(): void {
    this.memory.words[LEASES] = (this.memory.words[LEASES]! + 1) >>> 0;
  }

  /** Blocks this thread until a submission or a stop arrives, at most `timeoutMs`. Not for the main thread. */
  park(timeoutMs: number): void {
    const { signals } = this.memory;
    const bell = signals.load(SUBMISSION_BELL);
    signals.store(EXECUTOR_PARKED, 1);
    if (!this.ready() && !this.stopRequested()) signals.wait(SUBMISSION_BELL, bell, timeoutMs);
    signals.store(EXECUTOR_PARKED, 0);
  }

  /**
   * As `park`, for an executor on an event loop: resolves when a submission or a stop has arrived, or `unpark` was
   * called. One at a time. Keeps no process alive.
   */
  async parkOnLoop(): Promise<void> {
    const { signals } = this.memory;
    const bell = signals.load(SUBMISSION_BELL);
    signals.store(EXECUTOR_PARKED, 1);
    try {
      if (this.ready() || this.stopRequested()) return;
      await signals.waitAsync(SUBMISSION_BELL, bell);
    } finally {
      signals.store(EXECUTOR_PARKED, 0);
    }
  }

  /** Ends a pending `parkOnLoop`. */
  unpark(): void {
    this.memory.signals.notify(SUBMISSION_BELL);
  }
}
