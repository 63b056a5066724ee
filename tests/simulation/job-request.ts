import type { GpuExecutionHints, Priority } from '@gpu-bridge/abstractions';
import type { EntryFault, SeededRandom } from '@gpu-bridge/testkit';
import type { SimBridge } from './sim-bridge.js';
import { planJob } from './sim-jobs.js';
import type { JobPlan } from './sim-jobs.js';

const TENANTS = ['ada', 'bob', 'cyd'];
const PRIORITIES: readonly Priority[] = ['high', 'normal', 'low'];
const READINGS = ['at once', 'at once', 'later', 'later', 'nobody', 'first batch'] as const;

/** What a caller of the simulation asks for, how it reads the results, and what is going to happen to it. */
export interface JobRequest {
  readonly plan: JobPlan;
  readonly hints: GpuExecutionHints;
  readonly reading: (typeof READINGS)[number];
  readonly mode: 'copy' | 'borrow';
  /** The executor that takes this item dies or hangs. */
  readonly curse: { readonly item: number; readonly fault: EntryFault } | undefined;
}

export function drawRequest(random: SeededRandom, sim: SimBridge): JobRequest {
  const plan = planJob(random);
  const tenant = TENANTS[random.below(TENANTS.length)]!;
  const hasDeadline = random.below(12) === 0;
  const curse = random.below(25) === 0 ? drawCurse(random, plan) : undefined;
  const reading = READINGS[random.below(READINGS.length)]!;
  const mode = random.below(3) === 0 ? 'borrow' : 'copy';
  const priority = PRIORITIES[random.below(PRIORITIES.length)]!;
  const maxMicroBatch = random.below(3) === 0 ? 1 + random.below(200) : undefined;
  const deadlineNs = hasDeadline ? sim.clock.nowNs() + BigInt(1_000_000 + random.below(60_000_000)) : undefined;
  const preferredDevice = random.below(4) === 0 ? sim.drawDevice(random).id : undefined;
  const hints = {
    tenant,
    ...(preferredDevice === undefined ? {} : { preferredDevice }),
    priority,
    ...(maxMicroBatch === undefined ? {} : { maxMicroBatch }),
    ...(deadlineNs === undefined ? {} : { deadlineNs }),
  };
  return { plan, hints, reading, mode, curse };
}

function drawCurse(random: SeededRandom, plan: JobPlan): NonNullable<JobRequest['curse']> {
  return { item: random.below(plan.itemCount), fault: random.below(2) === 0 ? 'exit' : 'hang' };
}
