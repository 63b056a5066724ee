import type { ResidentPins } from '../arena/resident-pins.js';
import type { Batch } from './batch.js';
import type { FairQueue } from './fair-queue.js';
import type { Recovery } from './recovery.js';
import type { Staging } from './staging.js';

/** What becomes of a batch when nothing of it is in a ring any more: it begins anew, or gives its memory back. */
export class BatchSettlement {
  /** @param dispatch - something may go into a ring now: memory came back, or a batch begins anew. */
  constructor(
    private readonly queue: FairQueue,
    private readonly staging: Staging,
    private readonly recovery: Recovery,
    private readonly pins: ResidentPins,
    private readonly dispatch: () => void,
  ) {}

  /** To be called whenever something of the batch has ended: an entry, a job, or the use of a job's results. */
  settle(batch: Batch): void {
    if (batch.hasMoreSlots && (batch.restart !== undefined || batch.hasEnded)) this.abandon(batch);
    if (batch.inFlight > 0 || batch.pendingReruns > 0) return;
    const { restart } = batch;
    if (restart !== undefined && !batch.jobs[0]!.hasEnded) {
      batch.restage(this.staging.memory);
      batch.abandon(); // the reruns cover everything
      this.recovery.restart(batch, restart);
      this.dispatch();
      return;
    }
    if (batch.hasEnded) this.pins.unpinEnded(batch.jobs);
    if (batch.holders > 0 || batch.block === undefined) return;
    this.staging.free(batch);
    this.dispatch();
  }

  /** The batch hands out no more slots, and its lane goes on to the next. */
  abandon(batch: Batch): void {
    batch.abandon();
    for (const lane of this.queue.find(batch.jobs[0]!.tenant)?.lanes ?? [])
      if (lane.batch === batch) lane.batch = undefined;
  }
}
