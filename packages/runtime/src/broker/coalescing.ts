import type { SourceColumn } from '../columns/bound-inputs.js';
import type { Job } from '../jobs/job.js';
import type { Lane } from './fair-queue.js';
import { coalesceLimit } from './slot-size.js';

/**
 * Takes the jobs of the lane's next batch: the oldest, and the ones right behind it that may share a ring slot with
 * it. Only neighbours are joined, so the lane's order stays; a lane holds one tenant and one priority.
 */
export function formJobs(lane: Lane, isResident: (column: SourceColumn) => boolean): Job[] {
  const first = lane.peek()!;
  lane.shift();
  const jobs = [first];
  if (!mayShare(first, isResident)) return jobs;
  const limit = coalesceLimit(first);
  let items = first.inputs.itemCount;
  for (let next = lane.peek(); next !== undefined; next = lane.peek()) {
    items += next.inputs.itemCount;
    if (items > limit || next.kernel !== first.kernel || !mayShare(next, isResident) || !sameUniforms(first, next))
      break;
    if (next.hints.maxMicroBatch !== first.hints.maxMicroBatch || next.mode !== first.mode) break;
    lane.shift();
    jobs.push(next);
  }
  return jobs;
}

/** Columns that already lie in the arena are used in place, which joined jobs cannot. */
function mayShare(job: Job, isResident: (column: SourceColumn) => boolean): boolean {
  if (!job.kernel.isCoalescible || job.runsAlone) return false;
  for (const source of job.inputs.sources) if (source !== undefined && isResident(source)) return false;
  return true;
}

function sameUniforms(a: Job, b: Job): boolean {
  const { uniforms } = b.inputs;
  return a.inputs.uniforms.length === 0 || a.inputs.uniforms.every((value, i) => Object.is(value, uniforms[i]));
}
