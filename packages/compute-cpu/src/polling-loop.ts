import { createCqe, createSqe } from '@gpu-bridge/protocol';
import type { Cqe, ExecutorEnd, Sqe } from '@gpu-bridge/protocol';

/** A parked worker looks up this often even if nobody rings, so that a lost bell costs a pause and not a job. */
const PARK_MS = 1_000;
const MAX_U32 = 2 ** 32 - 1;

/** Runs one entry: fills `status` and `violations` of the completion. */
export type EntryHandler = (entry: Readonly<Sqe>, completion: Cqe) => void;

/**
 * Consumes a ring until told to stop. A lease is one stretch of polling: after `spinPolls` empty polls it ends, the
 * thread parks, and the next entry starts a new one. Leases keep an idle core idle, and re-entering lets V8 replace
 * the polling code by its optimised form.
 */
export function runPollingLoop(ring: ExecutorEnd, handle: EntryHandler, spinPolls: number): void {
  const entry = createSqe();
  const completion = createCqe();
  completion.generation = ring.memory.generation;
  do {
    ring.beginLease();
    runLease(ring, handle, spinPolls, entry, completion);
    while (!ring.ready() && !ring.stopRequested()) ring.park(PARK_MS);
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
