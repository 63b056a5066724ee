import type { Clock } from '@gpu-bridge/abstractions';
import type { EntryLog, StoredEntry } from './entry-log.js';

/** An entry handed to an iteration. */
export interface Delivery {
  readonly entry: StoredEntry;
  readonly redelivered: boolean;
}

/** The position of one durable consumer, shared by whatever iterations use its name. */
export class StreamConsumer {
  /** Delivered and not acknowledged, and when each is to be delivered again. */
  private readonly outstanding = new Map<StoredEntry, number>();
  /** To be delivered again, before anything new, in order of sequence. */
  private again: StoredEntry[] = [];
  private position = 0;
  /** No entry is to be delivered again before. */
  private nextDueMs = Number.POSITIVE_INFINITY;
  /** How many use it. */
  iterations = 0;
  private readonly waiting = new Set<() => void>();

  constructor(
    readonly name: string,
    readonly subject: string | undefined,
    private readonly log: EntryLog,
    private readonly clock: Clock,
    /** Entries up to here may have been delivered before this process started. */
    private readonly restoredUpTo: number,
  ) {}

  /** Nothing is outstanding. */
  get idle(): boolean {
    return this.outstanding.size === 0 && this.again.length === 0;
  }

  /** The next entry, if there is one and a credit for it. */
  take(maxUnacknowledged: number, acknowledgeWithinMs: number): Delivery | undefined {
    const now = this.clock.nowMs();
    if (this.nextDueMs <= now) {
      this.release([...this.outstanding].filter(([, dueMs]) => dueMs <= now).map(([entry]) => entry));
      this.nextDueMs = Math.min(...this.outstanding.values());
    }
    if (this.outstanding.size >= maxUnacknowledged) return undefined;
    const repeated = this.again.shift();
    const entry = repeated ?? this.log.after(this.position);
    if (entry?.stored !== true) return undefined;
    if (repeated === undefined) this.position = entry.sequence;
    const dueMs = now + acknowledgeWithinMs;
    this.outstanding.set(entry, dueMs);
    this.nextDueMs = Math.min(this.nextDueMs, dueMs);
    return { entry, redelivered: repeated !== undefined || entry.sequence <= this.restoredUpTo };
  }

  /** Delivers these again, as far as they are outstanding. */
  release(entries: Iterable<StoredEntry>): void {
    const released = [...entries].filter((entry) => this.outstanding.delete(entry));
    if (released.length === 0) return;
    this.again = [...this.again, ...released].sort((a, b) => a.sequence - b.sequence);
    this.wake();
  }

  /** Delivers again whatever is outstanding. */
  releaseAll(): void {
    this.release([...this.outstanding.keys()]);
  }

  /** The entry was acknowledged or has expired. */
  forget(entry: StoredEntry): void {
    if (!this.outstanding.delete(entry)) this.again = this.again.filter((other) => other !== entry);
    this.wake();
  }

  /** There may be something to take. */
  wake(): void {
    for (const waiting of [...this.waiting]) waiting();
  }

  /** Called, perhaps without need, once there may be something to take. @returns what ends it. */
  onWake(listener: () => void): () => void {
    this.waiting.add(listener);
    const delayMs = Math.max(0, this.nextDueMs - this.clock.nowMs());
    const timer = Number.isFinite(delayMs) ? this.clock.schedule(listener, delayMs) : undefined;
    return () => {
      this.waiting.delete(listener);
      timer?.cancel();
    };
  }
}
