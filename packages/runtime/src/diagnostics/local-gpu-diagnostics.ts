import type {
  Clock,
  ClusterView,
  DatasetStore,
  GpuBridge,
  GpuDiagnostics,
  JobRecorder,
  SiloDiagnostics,
} from '@gpu-bridge/abstractions';

/** What this silo says about itself, put together from those who know. */
export class LocalGpuDiagnostics implements GpuDiagnostics {
  constructor(
    private readonly bridge: Pick<GpuBridge, 'getInfo' | 'getTenants'>,
    private readonly cluster: Pick<ClusterView, 'siloId'>,
    private readonly clock: Pick<Clock, 'wallMs'>,
    private readonly datasets: Pick<DatasetStore, 'list'>,
    /** Undefined where nothing is audited. */
    private readonly recorder: Pick<JobRecorder, 'getInfo'> | undefined,
  ) {}

  snapshot(): SiloDiagnostics {
    const { state, devices, unavailable } = this.bridge.getInfo();
    return {
      siloId: this.cluster.siloId,
      takenAtMs: this.clock.wallMs(),
      state,
      devices,
      tenants: this.bridge.getTenants(),
      datasets: this.datasets.list(),
      unavailable,
      audit: this.recorder?.getInfo(),
    };
  }
}
