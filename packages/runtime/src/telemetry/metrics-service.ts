import { LifecycleStage } from '@gpu-bridge/abstractions';
import type { ClusterView, GpuDiagnostics, LifecycleParticipant } from '@gpu-bridge/abstractions';
import { metrics } from '@opentelemetry/api';
import type { Attributes, BatchObservableResult, Observable } from '@opentelemetry/api';
import {
  AUDIT_INSTRUMENTS,
  CLUSTER_INSTRUMENTS,
  DATASET_INSTRUMENTS,
  DEVICE_INSTRUMENTS,
  TENANT_INSTRUMENTS,
  observableOf,
} from './instruments.js';
import type { Instrument } from './instruments.js';
import { SCOPE } from './trace-context.js';

type Observed<T> = readonly (readonly [instrument: Instrument<T>, observable: Observable])[];

/** Shows a silo to OpenTelemetry as long as it serves: everything is read when a reader collects, and costs nothing between. */
export class MetricsService implements LifecycleParticipant {
  readonly name = 'metrics';
  readonly stage = LifecycleStage.Grains;
  private unregister: (() => void) | undefined;

  constructor(
    private readonly diagnostics: GpuDiagnostics,
    private readonly cluster: ClusterView,
  ) {}

  start(): Promise<void> {
    const meter = metrics.getMeter(SCOPE);
    const made: Observable[] = [];
    const make = <T>(instruments: readonly Instrument<T>[]): Observed<T> =>
      instruments.map((instrument) => {
        const observable = observableOf(meter, instrument);
        made.push(observable);
        return [instrument, observable] as const;
      });
    const devices = make(DEVICE_INSTRUMENTS);
    const tenants = make(TENANT_INSTRUMENTS);
    const datasets = make(DATASET_INSTRUMENTS);
    const audit = make(AUDIT_INSTRUMENTS);
    const cluster = make(CLUSTER_INSTRUMENTS);
    const collect = (result: BatchObservableResult): void => {
      const snapshot = this.diagnostics.snapshot();
      const own = { 'gpu_bridge.silo.id': snapshot.siloId };
      for (const device of snapshot.devices)
        observe(result, devices, device, { ...own, 'gpu_bridge.device.id': device.description.id });
      for (const tenant of snapshot.tenants)
        observe(result, tenants, tenant, { ...own, 'gpu_bridge.tenant': tenant.tenant });
      observe(result, datasets, snapshot.datasets, own);
      if (snapshot.audit !== undefined) observe(result, audit, snapshot.audit, own);
      observe(result, cluster, this.cluster.silos(), own);
    };
    meter.addBatchObservableCallback(collect, made);
    this.unregister = () => meter.removeBatchObservableCallback(collect, made);
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.unregister?.();
    return Promise.resolve();
  }
}

function observe<T>(result: BatchObservableResult, observed: Observed<T>, subject: T, attributes: Attributes): void {
  for (const [instrument, observable] of observed) {
    const reading = instrument.read(subject);
    if (typeof reading === 'number') result.observe(observable, reading, attributes);
    else for (const [value, more] of reading) result.observe(observable, value, { ...attributes, ...more });
  }
}
