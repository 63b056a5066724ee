import type { AuditPolicy, Clock, EndedJob, JobRecorder, KernelId } from '@gpu-bridge/abstractions';
import type { Job } from '../jobs/job.js';
import { auditedInputs, auditedOutputs, mostColumnBytes } from './audited-columns.js';
import type { NameColumn } from './audited-columns.js';

/** Hands every job of an audited kernel to the recorder, once, when it has ended. */
export class JobAudit {
  private readonly policies = new Map<KernelId, AuditPolicy>();

  constructor(
    private readonly recorder: JobRecorder,
    private readonly clock: Clock,
    private readonly nameOf: NameColumn,
  ) {}

  /**
   * Sets room aside for the job's record, so that it can be made whatever becomes of the job. The last thing that can refuse it.
   *
   * @returns false when there is no room now.
   * @throws GpuBridgeError `AUDIT_UNAVAILABLE`.
   */
  admit(job: Job): boolean {
    if (this.policyOf(job) === 'off') return true;
    const bytes = mostColumnBytes(job, this.nameOf);
    if (!this.recorder.reserve(bytes)) return false;
    job.auditedBytes = bytes;
    return true;
  }

  /** To be called while the device still holds the job's results. */
  ended(job: Job): void {
    const { auditedBytes } = job;
    if (auditedBytes === undefined) return;
    job.auditedBytes = undefined;
    this.recorder.record(this.describe(job), auditedBytes);
  }

  private policyOf({ kernel: { descriptor } }: Job): AuditPolicy {
    let policy = this.policies.get(descriptor.id);
    if (policy === undefined) {
      policy = this.recorder.policyOf(descriptor);
      this.policies.set(descriptor.id, policy);
    }
    return policy;
  }

  private describe(job: Job): EndedJob {
    const { kernel, inputs } = job;
    const { shape, descriptor } = kernel;
    const result = job.describeResult();
    const uniforms: Record<string, number | bigint | boolean> = {};
    for (let i = 0; i < shape.uniforms.length; i++) uniforms[shape.uniforms[i]!.slot.param] = inputs.uniforms[i]!;
    return {
      kernel: descriptor,
      artifactHash: kernel.artifactHash,
      result,
      submittedAtMs: this.clock.wallMs() - result.totalNs / 1e6,
      grid: shape.isMap ? undefined : inputs.grid,
      sizes: shape.isMap ? NO_SIZES : sizesOf(job),
      uniforms,
      inputs: auditedInputs(job, this.nameOf),
      outputs: result.outcome === 'completed' ? auditedOutputs(job) : [],
    };
  }
}

const NO_SIZES = {};

function sizesOf({ kernel: { shape }, inputs }: Job): Record<string, number> {
  const sizes: Record<string, number> = {};
  for (const { role, slot, index } of shape.results)
    if (role !== 'inout') sizes[slot.param] = inputs.arrayLengths[index]!;
  return sizes;
}
