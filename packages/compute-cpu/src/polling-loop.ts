import { Mode, createCqe, createSqe } from '@gpu-bridge/protocol';
import type { Cqe, ExecutorEnd, Sqe } from '@gpu-bridge/protocol';

/** A parked worker looks up this often even if nobody rings, so that a lost bell costs a pause and not a job. */
const PARK_MS = 1_000;
/** A pause that polling would have been worth bridging, ms. */
const SHORT_PAUSE_MS = 0.5;
/** After a longer pause the next lease polls so much less. */
const SPIN_DIVISOR = 4;
/** Empty polls that are always worth it: about as long as parking takes. */
const LEAST_SPIN_POLLS = 64;
const MAX_U32 = 2 ** 32 - 1;

/** Runs one entry: fills `status` and `violations` of the completion. */
export type EntryHandler = (entry: Readonly<Sqe>, completion: Cqe) => void;

/**
 * Consumes a ring until told to stop. A lease is one stretch of polling: after enough empty polls it ends, the thread
 * parks, and the next entry starts a new one. Leases keep an idle core idle, and re-entering lets V8 replace the
 * polling code by its optimised form.
 *
 * How long a lease polls follows the work: `spinPolls` where entries follow each other closely, down to few polls
 * where pauses are long. Polling after the last entry of such a burst wins nothing, and takes the core from the thread
 * that waits for the result where the system puts both on one.
 */
export function runPollingLoop(ring: ExecutorEnd, handle: EntryHandler, spinPolls: number): void {
  const entry = createSqe();
  const completion = createCqe();
  completion.generation = ring.memory.generation;
  completion.mode = Mode.LEASED;
  let spin = spinPolls;
  do {
    ring.beginLease();
    runLease(ring, handle, spin, entry, completion);
    const parkedMs = performance.now();
    while (!ring.ready() && !ring.stopRequested()) ring.park(PARK_MS);
    const isShort = performance.now() - parkedMs < SHORT_PAUSE_MS;
    spin = isShort ? spinPolls : Math.max(Math.min(LEAST_SPIN_POLLS, spinPolls), Math.trunc(spin / SPIN_DIVISOR));
  } while (ring.ready() || !ring.stopRequested());
}

function runLease(ring: ExecutorEnd, handle: EntryHandler, spinPolls: number, entry: Sqe, completion: Cqe): void {
  for (let idlePolls = 0; idlePolls <= spinPolls; idlePolls++) {
    if (!ring.ready()) continue;
    const startedMs = performance.now();
    ring.take(entry);
    completion.userDataLow = entry.userDataLow;
    completion.userDataHigh = entry.userDataHigh;
    completion.violations = 0;
    handle(entry, completion);
    completion.durationNs = Math.min(MAX_U32, Math.round((performance.now() - startedMs) * 1e6));
    ring.complete(completion);
    idlePolls = -1;
  }
}
