import type { DeviceInfo, SiloDiagnostics } from '@gpu-bridge/abstractions';

/** A device with one executor that has nothing to do. */
export function deviceInfoOf(id: string, more: Partial<DeviceInfo> = {}): DeviceInfo {
  return {
    description: {
      ...{ id, name: id, type: 'cpu', backend: 'cpu', executors: 1, arenaBytes: 1, executionMode: 'leased', lanes: 1 },
      ...{ executionModes: ['leased'], hostCoherent: true, faultDomain: 'executor', targets: ['wasm'], offers: [] },
    },
    health: 'healthy',
    quarantine: undefined,
    pressure: { deviceId: id, queuedJobs: 0, queueUse: 0, utilisation: 0 },
    oldestInFlightMs: 0,
    executors: [{ state: 'running', generation: 1, outstanding: 0, heartbeatAgeMs: undefined }],
    arena: { capacityBytes: 1, usedBytes: 0 },
    counters: {
      ...{ submitted: 0, completed: 0, failed: 0, cancelled: 0, refused: 0, coalesced: 0, slots: 0, deaths: 0 },
      ...{ violations: 0, fallbacks: 0, redirected: 0, expired: 0, strays: 0 },
    },
    host: undefined,
    busyRatio: 0,
    latencyUs: { count: 0, p50: 0, p95: 0, p99: 0, max: 0 },
    ...more,
  };
}

/** What a silo with one idle device says. */
export function diagnosticsOf(siloId: string, more: Partial<SiloDiagnostics> = {}): SiloDiagnostics {
  return {
    ...{ siloId, takenAtMs: 0, state: 'started', devices: [deviceInfoOf('cpu:0')] },
    ...{ tenants: [], datasets: [], unavailable: [], audit: undefined },
    ...more,
  };
}
