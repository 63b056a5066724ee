import type { Job } from '../jobs/job.js';

/** A slot should take about this long: short enough for fairness, long enough to hide its hand-over. */
const TARGET_NS = 2_000_000;
/** Below this service time of a slot, cutting a job up or waiting for more to join it costs more than it wins. */
const MIN_NS = 100_000;
/** A job expected to take no longer than this stays in one slot: spreading it would win less than it costs. */
const WHOLE_NS = 500_000;
/** Slots per executor that a job is cut into while its cost is unknown. */
const UNKNOWN_SLOTS = 8;
/** Items that stay in one slot while their cost is unknown. */
const UNKNOWN_MIN_ITEMS = 256;

/** Items per ring slot for a job alone in its batch. */
export function slotItemsFor(job: Job, executors: number): number {
  const { itemCount } = job.inputs;
  const { nsPerItem } = job.kernel;
  let items: number;
  if (nsPerItem === undefined) {
    items = itemCount <= UNKNOWN_MIN_ITEMS ? itemCount : Math.ceil(itemCount / (UNKNOWN_SLOTS * executors));
  } else if (itemCount * nsPerItem <= WHOLE_NS) {
    items = itemCount;
  } else {
    // At least two slots per executor, so that a slow one does not keep the others waiting for long.
    const share = Math.ceil(itemCount / (2 * executors));
    items = Math.max(Math.ceil(MIN_NS / nsPerItem), Math.min(share, Math.ceil(TARGET_NS / nsPerItem)));
  }
  return Math.max(1, Math.min(items, itemCount, microBatch(job) ?? itemCount));
}

/** The hint counts ids, a kernel with a workgroup runs whole groups. */
function microBatch(job: Job): number | undefined {
  const { maxMicroBatch } = job.hints;
  const [x, y, z] = job.kernel.descriptor.workgroup ?? [1, 1, 1];
  return maxMicroBatch === undefined ? undefined : Math.ceil(maxMicroBatch / (x * y * z));
}

/** Items up to which waiting jobs of a kernel are put into one slot. */
export function coalesceLimit(job: Job): number {
  const nsPerItem = job.kernel.nsPerItem ?? 1_000;
  const items = Math.max(1, Math.ceil(MIN_NS / Math.max(nsPerItem, 0.1)));
  return Math.min(items, job.hints.maxMicroBatch ?? items);
}
