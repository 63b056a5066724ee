import type { Cancellable, Clock } from '@gpu-bridge/abstractions';

/** Something with a deadline. */
export interface Expiring {
  readonly deadlineNs: bigint | undefined;
  expire(): void;
}

/** Deadlines closer to each other share a timer. */
const SLOT_MS = 5;

/** Deadlines of many calls with one timer: most calls are answered long before, and then cost two operations of a set. */
export class Deadlines {
  /** By slot of time, each {@link SLOT_MS} long. */
  private readonly slots = new Map<number, Set<Expiring>>();
  private timer: Cancellable | undefined;
  private timerSlot = Number.POSITIVE_INFINITY;

  constructor(private readonly clock: Clock) {}

  add(item: Expiring): void {
    if (item.deadlineNs === undefined) return;
    const slot = slotOf(item.deadlineNs);
    const items = this.slots.get(slot);
    if (items !== undefined) items.add(item);
    else this.slots.set(slot, new Set([item]));
    if (slot < this.timerSlot) this.schedule(slot);
  }

  remove(item: Expiring): void {
    if (item.deadlineNs === undefined) return;
    const slot = slotOf(item.deadlineNs);
    const items = this.slots.get(slot);
    if (items === undefined) return;
    items.delete(item);
    if (items.size > 0) return;
    this.slots.delete(slot);
    if (this.slots.size === 0) this.schedule(Number.POSITIVE_INFINITY);
  }

  private schedule(slot: number): void {
    this.timer?.cancel();
    this.timerSlot = slot;
    const delayMs = Math.min(slot * SLOT_MS - this.clock.nowMs(), MAX_DELAY_MS);
    this.timer =
      slot === Number.POSITIVE_INFINITY ? undefined : this.clock.schedule(() => this.run(), Math.max(0, delayMs));
  }

  private run(): void {
    const now = Math.floor(this.clock.nowMs() / SLOT_MS);
    let next = Number.POSITIVE_INFINITY;
    const due: Expiring[] = [];
    for (const [slot, items] of this.slots) {
      if (slot > now) next = Math.min(next, slot);
      else {
        due.push(...items);
        this.slots.delete(slot);
      }
    }
    this.schedule(next);
    for (const item of due) item.expire();
  }
}

/** Longer timers overflow in Node. */
const MAX_DELAY_MS = 2 ** 30;

/** The first slot that begins when the deadline has passed. */
function slotOf(deadlineNs: bigint): number {
  return Math.ceil(Number(deadlineNs) / (SLOT_MS * 1e6));
}
