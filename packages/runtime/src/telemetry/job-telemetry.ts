import { ROOT_CONTEXT, SpanStatusCode, metrics, trace } from '@opentelemetry/api';
import type { Context, Histogram, Span, Tracer } from '@opentelemetry/api';
import type { Job, JobWatcher } from '../jobs/job.js';
import { SCOPE, activeContext, fail, parentOf } from './trace-context.js';

/** Upper ends of the buckets of durations, s: from what one slot takes to what a drain may. */
const DURATION_BOUNDS = [
  ...[0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005],
  ...[0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60],
];

/** What a silo tells OpenTelemetry about each of its jobs: a span per job and per attempt, and how long it took. */
export class JobTelemetry {
  private readonly tracer: Tracer | undefined;
  private readonly duration: Histogram | undefined;

  constructor(
    wanted: { readonly metrics: boolean; readonly traces: boolean },
    private readonly siloId: string,
  ) {
    this.tracer = wanted.traces ? trace.getTracer(SCOPE) : undefined;
    this.duration = wanted.metrics
      ? metrics.getMeter(SCOPE).createHistogram('gpu_bridge.job.duration', {
          description: 'Submission of a job to its end',
          unit: 's',
          advice: { explicitBucketBoundaries: DURATION_BOUNDS },
        })
      : undefined;
  }

  /**
   * Submits a job to its device, watched from the start.
   *
   * @throws what the device throws.
   */
  submit(job: Job, device: { submit(job: Job): void }): void {
    const spans = this.tracer === undefined ? undefined : this.spansOf(job, this.tracer);
    if (spans !== undefined) job.watcher = spans;
    if (this.duration !== undefined) job.whenEnded(() => this.recordDuration(job));
    try {
      device.submit(job);
    } catch (error) {
      spans?.refused(error);
      throw error;
    }
  }

  private spansOf(job: Job, tracer: Tracer): JobSpans | undefined {
    const { kernel, tenant, hints, inputs } = job;
    const parent = parentOf(hints) ?? activeContext();
    const attributes = {
      'gpu_bridge.kernel': kernel.descriptor.name,
      'gpu_bridge.tenant': tenant,
      'gpu_bridge.job.items': inputs.submittedCount,
      'gpu_bridge.silo.id': this.siloId,
    };
    const span = tracer.startSpan(`job ${kernel.descriptor.name}`, { attributes }, parent);
    // An id is made when it is asked for; most traces are not sampled.
    if (!span.isRecording()) return undefined;
    span.setAttribute('gpu_bridge.job.id', job.jobId);
    return new JobSpans(job, span, tracer);
  }

  private recordDuration({ tenant, state, submittedMs, endedMs, owner }: Job): void {
    this.duration?.record((endedMs - submittedMs) / 1_000, {
      'gpu_bridge.device.id': owner.description.id,
      'gpu_bridge.tenant': tenant,
      'gpu_bridge.job.outcome': state,
      'gpu_bridge.silo.id': this.siloId,
    });
  }
}

/** The span of one job, with one below it for each attempt. */
class JobSpans implements JobWatcher {
  private readonly below: Context;
  private attempt: Span | undefined;

  constructor(
    private readonly job: Job,
    private readonly span: Span,
    private readonly tracer: Tracer,
  ) {
    this.below = trace.setSpan(ROOT_CONTEXT, span);
    job.whenEnded(() => this.ended());
  }

  submittedSlot(): void {
    if (this.attempt !== undefined) return;
    const { attempts, owner } = this.job;
    const attributes = { 'gpu_bridge.job.attempt': attempts, 'gpu_bridge.device.id': owner.description.id };
    this.attempt = this.tracer.startSpan(`attempt ${attempts}`, { attributes }, this.below);
  }

  attemptEnded(reason: string): void {
    this.attempt?.setStatus({ code: SpanStatusCode.ERROR, message: reason });
    this.attempt?.end();
    this.attempt = undefined;
  }

  refused(error: unknown): void {
    fail(this.span, error);
    this.span.end();
  }

  private ended(): void {
    const { attempt, span, job } = this;
    span.setAttributes({
      'gpu_bridge.job.outcome': job.state,
      'gpu_bridge.job.attempts': job.attempts,
      'gpu_bridge.job.fallback': job.fallback,
      'gpu_bridge.device.id': job.owner.description.id,
    });
    if (job.error !== undefined) {
      fail(span, job.error);
      if (attempt !== undefined) fail(attempt, job.error);
    }
    attempt?.end();
    span.end();
  }
}
