import { GpuBridgeError, columnsOf, sizeOf } from '@gpu-bridge/abstractions';
import type {
  AllocateOptions,
  Allocation,
  Clock,
  DeviceInfo,
  ElementType,
  GpuBridge,
  GpuBridgeInfo,
  GpuKernel,
  JobRecorder,
  KernelDefinition,
  Logger,
  RaggedType,
  ResolvedGpuBridgeOptions,
  TenantInfo,
} from '@gpu-bridge/abstractions';
import { ReplaySubject, merge, switchMap } from 'rxjs';
import { ResidentPins } from '../arena/resident-pins.js';
import { JobAudit } from '../audit/job-audit.js';
import { DeviceBroker } from '../broker/device-broker.js';
import type { KernelCatalog } from '../catalog/kernel-catalog.js';
import type { DeviceMemory } from '../columns/device-memory.js';
import type { GpuHostFeature } from '../host/gpu-host-feature.js';
import type { Job } from '../jobs/job.js';
import { DeviceSelector } from '../placement/device-selector.js';
import type { SelectedDevice } from '../placement/device-selector.js';
import { ResultStore } from '../results/result-store.js';
import type { JobTelemetry } from '../telemetry/job-telemetry.js';
import { TenantAccounts } from '../tenancy/tenant-accounts.js';
import { AbortRegistry } from './abort-registry.js';
import { LocalKernel } from './local-kernel.js';

type Columns = Record<string, unknown>;
const COLUMN_ALIGN = 64;

/** The bridge over the devices that this silo's host feature opened. */
export class LocalGpuBridge implements GpuBridge {
  private state: GpuBridgeInfo['state'] = 'created';
  private brokers: readonly DeviceBroker[] = [];
  private devices: DeviceSelector;
  private readonly started = new ReplaySubject<readonly DeviceBroker[]>(1);
  /** One object for all subscribers, also for those who come before the start. */
  private readonly pressure$ = this.started.pipe(switchMap((brokers) => merge(...brokers.map((b) => b.pressure$))));
  private readonly kernels = new Map<string, LocalKernel>();
  private readonly aborts = new AbortRegistry();
  private readonly results: ResultStore;
  private readonly tenants: TenantAccounts;

  constructor(
    private readonly feature: GpuHostFeature,
    private readonly catalog: KernelCatalog,
    private readonly options: ResolvedGpuBridgeOptions,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly recorder?: JobRecorder,
    private readonly telemetry?: JobTelemetry,
  ) {
    this.results = new ResultStore(options.broker.resultRetentionMs);
    this.tenants = new TenantAccounts(options.tenants);
    this.devices = new DeviceSelector([], logger);
  }

  getInfo(): GpuBridgeInfo {
    return {
      state: this.state,
      devices: this.brokers.map((broker) => describeDevice(broker)),
      kernels: this.catalog.descriptors(),
      refusals: [...this.feature.refusals],
      unavailable: [...this.feature.unavailable],
      pressure$: this.pressure$,
    };
  }

  getTenants(): readonly TenantInfo[] {
    return this.tenants.describe((tenant) => this.brokers.reduce((sum, b) => sum + b.queuedJobsOf(tenant), 0));
  }

  foreignHandle(what: string, tenant: string): GpuBridgeError {
    this.tenants.of(tenant).foreignHandles++;
    const message = `${what} is not one that tenant ${tenant} may use`;
    return new GpuBridgeError('FOREIGN_HANDLE', { what, tenant }, message);
  }

  getKernel(kernel: KernelDefinition | string): GpuKernel<never, never> & GpuKernel<Columns, Columns> {
    this.refuseUnlessStarted();
    const { descriptor } = this.catalog.get(kernel);
    let local = this.kernels.get(descriptor.id);
    if (local === undefined) {
      const { devices, results, aborts, tenants, telemetry } = this;
      local = new LocalKernel(descriptor, devices, results, aborts, tenants, telemetry);
      this.kernels.set(descriptor.id, local);
    }
    return local as never;
  }

  allocate<T>(
    type: ElementType | RaggedType,
    count: number | { readonly items: number; readonly elements: number },
    options: AllocateOptions = {},
  ): Allocation<T> {
    this.refuseUnlessStarted();
    const broker = this.brokers.find((b) => options.device === undefined || b.description.id === options.device);
    if (broker === undefined) {
      const known = this.brokers.map((b) => b.description.id);
      throw new GpuBridgeError(
        'DEVICE_NOT_FOUND',
        { wanted: options.device ?? 'any device', known },
        `no device ${options.device ?? ''} is open`,
      );
    }
    const { items, elements } = checkedCount(type, count);
    const { tenant = 'default' } = options;
    if (typeof tenant !== 'string' || tenant.length < 1 || tenant.length > 64)
      throw GpuBridgeError.invalidArgument('options.tenant', tenant, 'a string of 1..64 characters');
    return allocateColumns(broker, tenant, type, items, elements) as Allocation<T>;
  }

  /**
   * The silo's devices, for what lives in their arenas beside jobs.
   *
   * @throws GpuBridgeError `INVALID_ARGUMENT` before the start, `DRAINING` after the stop.
   */
  openBrokers(): readonly DeviceBroker[] {
    this.refuseUnlessStarted();
    return this.brokers;
  }

  /** Lifecycle, called by `BrokerService`: devices are open, jobs may come. */
  start(): void {
    const { broker, health } = this.options;
    const pins = new ResidentPins();
    const audit =
      this.recorder === undefined
        ? undefined
        : new JobAudit(this.recorder, this.clock, (column) => pins.describe(column));
    const substituteFor = (job: Job): SelectedDevice | undefined => this.substituteFor(job);
    const { tenants, clock, logger } = this;
    const parts = { broker, health, tenants, clock, logger, pins, substituteFor, audit };
    this.brokers = this.feature.hosts.map((host, number) => new DeviceBroker(host, number, parts));
    this.devices = new DeviceSelector(this.brokers, this.logger);
    this.state = 'started';
    this.started.next(this.brokers);
    this.started.complete();
  }

  /** Refuses new jobs and waits for the accepted ones. */
  async stop(): Promise<void> {
    this.state = 'draining';
    const untilMs = this.clock.nowMs() + this.options.health.drainTimeoutMs;
    // A device that is quarantined meanwhile hands its jobs to another one, which may have drained already.
    do {
      const leftMs = Math.max(0, untilMs - this.clock.nowMs());
      await Promise.all(this.brokers.map((broker) => broker.drain(leftMs)));
    } while (this.brokers.some(({ hasJobs }) => hasJobs));
    for (const broker of this.brokers) broker.close();
    this.state = 'stopped';
  }

  private substituteFor(job: Job): SelectedDevice | undefined {
    return this.devices.substitute(job.hints, job.kernel.descriptor, (broker) => broker.fits(job));
  }

  private refuseUnlessStarted(): void {
    if (this.state === 'created') {
      throw GpuBridgeError.invalidArgument('bridge', 'not started', 'started: await host.start() first');
    }
    if (this.state === 'stopped')
      throw new GpuBridgeError('DRAINING', { what: 'the bridge' }, 'the bridge has stopped');
  }
}

function describeDevice(broker: DeviceBroker): DeviceInfo {
  const { host, metrics } = broker;
  const { arena } = broker.staging;
  return {
    description: broker.description,
    health: host.health,
    quarantine: host.quarantine,
    pressure: broker.currentPressure(),
    oldestInFlightMs: broker.oldestInFlightMs(),
    executors: host.executors.map((slots) => slots.describe()),
    arena: { capacityBytes: arena.capacityBytes, usedBytes: arena.usedBytes },
    counters: metrics.counters(host.deaths),
    host: host.device.telemetry?.(),
    busyRatio: broker.busyRatio(),
    latencyUs: metrics.latencyUs(),
  };
}

/** @returns items and elements of each; for types that are no lists they are the same. */
function checkedCount(type: ElementType | RaggedType, count: unknown): { items: number; elements: number } {
  const kind: unknown = type?.kind;
  if (kind !== 'scalar' && kind !== 'struct' && kind !== 'ragged') {
    throw GpuBridgeError.invalidArgument('type', type, 'f32 or another scalar, struct({…}) or ragged(…)');
  }
  const isCount = (n: unknown): n is number => typeof n === 'number' && Number.isInteger(n) && n >= 0 && n < 2 ** 31;
  if (kind !== 'ragged') {
    if (isCount(count)) return { items: count, elements: count };
    throw GpuBridgeError.invalidArgument('count', count, 'an integer of 0..2^31 - 1');
  }
  const { items, elements } = (count ?? {}) as { items?: unknown; elements?: unknown };
  if (isCount(items) && isCount(elements)) return { items, elements };
  throw GpuBridgeError.invalidArgument('count', count, '{ items, elements }, both integers of 0..2^31 - 1');
}

function allocateColumns(
  broker: DeviceBroker,
  tenant: string,
  type: ElementType | RaggedType,
  items: number,
  elements: number,
): Allocation<unknown> {
  const element = type.kind === 'ragged' ? type.element : type;
  const columns = columnsOf(element);
  let bytes = type.kind === 'ragged' ? roundUp((items + 1) * 4) : 0;
  const starts = columns.map(({ dtype }) => {
    const start = bytes;
    bytes = roundUp(bytes + elements * sizeOf(dtype));
    return start;
  });
  return broker.staging.residents.allocate(tenant, bytes, (offset) =>
    viewsOf(broker.staging.memory, type, columns, starts, offset, items, elements),
  );
}

function viewsOf(
  memory: DeviceMemory,
  type: ElementType | RaggedType,
  columns: ReturnType<typeof columnsOf>,
  starts: readonly number[],
  offset: number,
  items: number,
  elements: number,
): unknown {
  const views = columns.map(({ name, dtype }, i) => [name, memory.view(dtype, offset + starts[i]!, elements)] as const);
  if (type.kind === 'scalar') return views[0]![1];
  const record = Object.fromEntries(views);
  return type.kind === 'ragged' ? { offsets: memory.view('u32', offset, items + 1), columns: record } : record;
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / COLUMN_ALIGN) * COLUMN_ALIGN;
}
