import { GpuBridgeError, f64, input, output } from '@gpu-bridge/abstractions';
import type {
  DeactivationReason,
  GpuBridge,
  GpuResult,
  GrainContext,
  JobState,
  KernelDefinition,
  KernelHandle,
  Logger,
  RequestContext,
} from '@gpu-bridge/abstractions';
import { FakeClock } from '@gpu-bridge/testkit';
import type { GpuStreamGrain, StreamServices } from '../stream/gpu-stream-grain.js';
import { defineStream } from '../stream/stream-definition.js';
import type { StreamDefinition, StreamOptions } from '../stream/stream-definition.js';
import { streamGrainClass } from '../stream/stream-grain-class.js';
import type { StreamValue } from '../stream/stream-value.js';

interface Columns {
  readonly x: Float64Array;
}

const params = { x: input(f64), y: output(f64) };
export type DoubleParams = typeof params;
export type DoubleValue = StreamValue<{ readonly y: Float64Array }>;

/** Doubles its items; nothing compiles it, a {@link StubKernel} runs it. */
const double: KernelDefinition<DoubleParams> = {
  kind: 'map',
  name: 'double',
  params,
  constants: {},
  uses: {},
  fp: 'strict',
  bounds: 'checked',
  body: () => undefined,
};

/** A kernel whose jobs end when the test says so, in any order. */
class StubKernel {
  readonly jobs: StubStreamJob[] = [];
  /** Jobs end at once. */
  immediate = false;
  /** Thrown by the next submissions, one each. */
  readonly refusals: Error[] = [];
  utilisation = 0;

  get bridge(): GpuBridge {
    const device = { health: 'healthy', pressure: { utilisation: this.utilisation } };
    const bridge = { getKernel: () => this, getInfo: () => ({ devices: [device] }) };
    return bridge as unknown as GpuBridge;
  }

  async submitBatch({ x }: Columns): Promise<StubStreamJob> {
    const refusal = this.refusals.shift();
    if (refusal !== undefined) throw refusal;
    const job = new StubStreamJob(`job-${this.jobs.length}`, x);
    this.jobs.push(job);
    if (this.immediate) job.finish();
    return job;
  }

  /** In two batches, as a job that was cut has. */
  async *readResults(job: StubStreamJob) {
    await job.ended;
    if (job.error !== undefined) throw job.error;
    const y = job.x.map((x) => 2 * x);
    const half = y.length >>> 1;
    for (const [firstItem, end] of [
      [0, half],
      [half, y.length],
    ] as const) {
      if (end > firstItem)
        yield { jobId: job.jobId, firstItem, itemCount: end - firstItem, columns: { y: y.subarray(firstItem, end) } };
    }
  }
}

class StubStreamJob implements KernelHandle {
  readonly kernelId = 'double@0';
  state: JobState = 'running';
  error: Error | undefined;
  readonly ended: Promise<void>;
  readonly result = new Promise<GpuResult>(() => undefined);
  private settle!: () => void;

  constructor(
    readonly jobId: string,
    readonly x: Float64Array,
  ) {
    this.ended = new Promise((resolve) => (this.settle = resolve));
  }

  finish(error?: Error): void {
    if (this.state !== 'running') return;
    this.state = error === undefined ? 'completed' : 'failed';
    this.error = error;
    this.settle();
  }

  cancel(): void {
    this.finish(new GpuBridgeError('CANCELLED', { what: this.jobId, jobId: this.jobId }, 'given up'));
  }

  dispose(): void {
    this.cancel();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** One activation of a stream over a stub kernel, on a fake clock. */
export class StreamFixture {
  readonly clock = new FakeClock();
  readonly kernel = new StubKernel();
  readonly logged: { readonly message: string; readonly fields: unknown }[] = [];
  readonly grain: GpuStreamGrain<DoubleParams>;
  /** Of the calls that follow. */
  request: RequestContext = {};
  /** Holds against idle deactivation that have not been given back. */
  holds = 0;
  readonly definition: StreamDefinition<DoubleParams>;

  constructor(options: Partial<StreamOptions<DoubleParams>> = {}, { fencingToken = 1, port }: ActivationOptions = {}) {
    const log = (message: string, fields?: unknown): void => void this.logged.push({ message, fields });
    const logger: Logger = { debug: () => undefined, info: () => undefined, warn: log, error: log };
    const services: StreamServices = { bridge: this.kernel.bridge, clock: this.clock, logger, port };
    this.definition = defineStream({ kernel: double, ...options });
    const grainClass = streamGrainClass(services, this.definition);
    const request = (): RequestContext => this.request;
    const context = {
      id: { type: grainClass.options.type, key: 'k' },
      siloId: 'silo',
      activationId: `silo/${fencingToken}`,
      fencingToken,
      get request() {
        return request();
      },
      keepActive: () => {
        this.holds++;
        return { [Symbol.dispose]: () => void this.holds-- };
      },
    };
    this.grain = grainClass.create(context as unknown as GrainContext);
  }

  static async start(
    options: Partial<StreamOptions<DoubleParams>> = {},
    activation: ActivationOptions = {},
  ): Promise<StreamFixture> {
    const fixture = new StreamFixture(options, activation);
    await fixture.grain.onActivate();
    return fixture;
  }

  /** As a silo does it: first word, then the end. */
  async deactivate(reason: DeactivationReason): Promise<void> {
    this.grain.onDeactivating(reason);
    await this.grain.onDeactivate();
  }
}

export interface ActivationOptions {
  readonly fencingToken?: number;
  readonly port?: StreamServices['port'];
}

/** Lets every promise that can settle do so. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Columns of the items `from … to - 1`. */
export function items(from: number, to: number): { readonly x: Float64Array } {
  return { x: Float64Array.from({ length: to - from }, (_, i) => from + i) };
}

/** Reads values as long as they come, and remembers how it ended. */
export class Reader {
  readonly values: DoubleValue[] = [];
  end: unknown = 'open';

  constructor(readonly subscription: AsyncIterable<DoubleValue>) {
    void this.read();
  }

  /** What the items were, those of failed jobs left out. */
  get items(): number[] {
    return this.values.flatMap((value) =>
      value.outcome === 'completed' ? [...value.columns.y].map((y) => y / 2) : [],
    );
  }

  private async read(): Promise<void> {
    try {
      for await (const value of this.subscription) this.values.push(value);
      this.end = 'done';
    } catch (error) {
      this.end = error;
    }
  }
}
