import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { GpuResult, JobState } from '@gpu-bridge/abstractions';
import assert from 'node:assert/strict';
import type { SimBridge, SimDevice } from './sim-bridge.js';
import { HASTY_DRAIN_MS } from './sim-settings.js';
import type { SimSettings } from './sim-settings.js';
import type { TrackedJob } from './tracked-job.js';

/** What the simulation did, as far as it decides what may be. */
export interface History {
  readonly jobs: readonly TrackedJob[];
  /** Memory of devices that callers asked for themselves. */
  readonly allocations: readonly unknown[];
  /** Submissions that found a queue full. */
  readonly refused: number;
}

/** What must hold, whatever happened. */
export class Invariants {
  constructor(
    private readonly sim: SimBridge,
    private readonly settings: SimSettings,
    private readonly history: History,
  ) {}

  /** After each step: jobs end once, every count fits what was seen, and no limit is exceeded. */
  checkStep(): void {
    const { jobs, refused } = this.history;
    for (const job of jobs) job.observe();
    const devices = this.sim.devices.map(({ inside }) => inside);
    const queued = devices.reduce((sum, { queuedJobs }) => sum + queuedJobs, 0);
    assert.equal(queued, jobs.filter(({ isWaiting }) => isWaiting).length, 'the queues count the jobs that wait');
    for (const device of this.sim.devices) this.checkDevice(device);
    const by = (as: JobState): number => jobs.filter(({ endedAs }) => endedAs === as).length;
    assert.deepEqual(
      {
        submitted: this.sim.counted('submitted') - this.sim.counted('redirected'),
        completed: this.sim.counted('completed'),
        failed: this.sim.counted('failed'),
        cancelled: this.sim.counted('cancelled'),
        refused: this.sim.counted('refused'),
        live: devices.reduce((sum, { live }) => sum + live.count, 0),
      },
      {
        submitted: jobs.length,
        completed: by('completed'),
        failed: by('failed'),
        cancelled: by('cancelled'),
        refused,
        live: jobs.filter(({ isLive }) => isLive).length,
      },
    );
  }

  private checkDevice({ inside, info }: SimDevice): void {
    const { queueLimit, tenantQueueLimit, slotsInFlight, behind } = this.settings;
    // What other devices had admitted comes on top.
    const wasRedirected = this.sim.counted('redirected') > 0;
    for (const { queued } of inside.queue.tenants.values()) {
      assert.ok(queued >= 0);
      assert.ok(queued <= tenantQueueLimit || wasRedirected, 'a tenant stays below its limit');
    }
    assert.ok(inside.queuedJobs <= queueLimit || wasRedirected, 'the queue stays below its limit');
    const { executors } = inside.host;
    for (const { outstanding, state } of executors) {
      assert.ok(outstanding.length <= slotsInFlight, 'a ring holds no more slots than it may');
      assert.ok(outstanding.length === 0 || state !== 'quarantined', 'nothing is in a ring that nobody serves');
      assert.ok(outstanding.length === 1 || !outstanding.some(({ isSuspect }) => isSuspect), 'a suspect is alone');
    }
    const records = executors.flatMap(({ outstanding }) => outstanding);
    if (behind.faultDomain === 'device' && records.some(({ isSuspect }) => isSuspect))
      assert.equal(records.length, 1, 'a suspect is alone on all rings that end with its own');
    const bob = this.sim.bridge.getTenants().find(({ tenant }) => tenant === 'bob');
    const quotaBytes = (bob?.arenaQuotaBytes ?? Infinity) * this.sim.devices.length;
    assert.ok(bob === undefined || bob.arenaBytes <= quotaBytes, 'a tenant has no more memory than its quota');
    assert.ok(info.arena.usedBytes >= 0 && info.arena.usedBytes <= info.arena.capacityBytes);
  }

  /** When every reader has come to an end: each job ended for a reason, and its reader got what it should. */
  checkJobs(): void {
    for (const job of this.history.jobs) {
      const { result, handle, request } = job;
      const { preferredDevice } = request.hints;
      assert.ok(result !== undefined, 'every admitted job has a result');
      assert.equal(result.outcome, job.endedAs);
      assert.equal(result.jobId, handle.jobId);
      if (preferredDevice !== undefined)
        assert.equal(result.fallback, result.deviceId !== preferredDevice, 'a fallback says that it is one');
      this.checkReason(job, result);
      checkReading(job, result);
    }
  }

  private checkReason(job: TrackedJob, { outcome, error }: GpuResult): void {
    const { plan, curse, hints } = job.request;
    const code = error?.code;
    const why = `a ${plan.kernel} job ended as ${outcome} (${code ?? 'no error'})`;
    if (outcome === 'completed') {
      assert.equal(curse, undefined, `${why}, but no executor could have run it`);
      assert.equal(plan.violates, undefined, `${why}, but it left its list`);
    } else if (outcome === 'cancelled') {
      assert.ok(job.wasCancelled, `${why}, but nobody cancelled it`);
    } else {
      if (code === 'JOB_POISONED') assert.ok(job.aloneFaults >= 2, `${why} after ${job.aloneFaults} deaths alone`);
      else if (code === 'BOUNDS_VIOLATION') assert.ok(plan.violates !== undefined, why);
      else if (code === 'DEADLINE_EXCEEDED') assert.ok(hints.deadlineNs !== undefined, why);
      else if (code === 'DEVICE_LOST') assert.ok(this.sim.quarantines.wasEverythingLost, why);
      else if (code === 'DRAINING') assert.equal(this.settings.drainTimeoutMs, HASTY_DRAIN_MS, why);
      else if (code === 'QUOTA_EXCEEDED') assert.ok(hints.tenant === 'bob' && this.history.allocations.length > 0, why);
      else assert.ok(code === 'ARENA_EXHAUSTED' && this.history.allocations.length > 0, why);
    }
  }

  /** When everything ended by itself and every handle was given up. */
  checkNothingLeft(): void {
    for (const { inside, info } of this.sim.devices) {
      assert.equal(info.arena.usedBytes, 0, 'all memory came back');
      assert.equal(inside.staging.liveBatches.size, 0, 'no batch is left');
      assert.equal(inside.live.withDeadline.size, 0, 'no deadline is watched');
      const used = inside.inFlight.entries.filter(({ isUsed }) => isUsed);
      assert.deepEqual(used, [], 'the journal is empty');
      assert.equal(inside.queuedJobs, 0);
    }
  }
}

function checkReading({ reader, readAll, readError, seen, request }: TrackedJob, result: GpuResult): void {
  if (reader === undefined) return;
  const { expected } = request.plan;
  if (readAll) {
    assert.equal(result.outcome, 'completed');
    assert.deepEqual(seen, expected);
  } else {
    assert.deepEqual(seen, expected.slice(0, seen.length));
  }
  if (readError === undefined) return;
  if (GpuBridgeError.is(readError, 'RESULT_EXPIRED')) assert.equal(result.outcome, 'completed');
  else assert.equal(readError, result.error, 'a reader gets the error of its job');
}
