import { describe, expect, it } from 'vitest';
import { GpuBridgeError } from '../errors/gpu-bridge-error.js';
import { resolveOptions } from './options.js';
import type { GpuBridgeOptions } from './options.js';

function fieldRefused(options: unknown): string | undefined {
  try {
    resolveOptions(options as GpuBridgeOptions);
    return undefined;
  } catch (error) {
    if (GpuBridgeError.is(error, 'INVALID_ARGUMENT')) return error.details.field;
    throw error;
  }
}

const kernel = (name: string): unknown => ({ kind: 'map', name, params: {}, body: () => undefined });

describe('resolveOptions', () => {
  it('fills in the documented defaults', () => {
    expect(resolveOptions()).toEqual({
      kernels: [],
      cpu: { workers: undefined, arenaMiB: 512, spinPolls: 20_000 },
      native: false,
      requireDevice: true,
      broker: {
        queueLimit: 4096,
        slotsInFlight: 2,
        resultRetentionMs: 60_000,
      },
      tenants: {
        defaults: {
          weight: 1,
          queueLimit: 1024,
          jobsPerSecond: undefined,
          burstJobs: undefined,
          arenaMiB: undefined,
          highestPriority: 'high',
        },
        named: new Map(),
      },
      health: {
        slotBudgetMs: 10_000,
        checkIntervalMs: 10,
        maxDeathsPerMinute: 20,
        quarantineMs: 30_000,
        heartbeatTimeoutMs: 5_000,
        drainTimeoutMs: 30_000,
      },
      logLevel: 'warn',
      telemetry: { metrics: false, traces: false },
      datasets: { spillFolder: undefined, spillMiB: 4096 },
    });
    expect(resolveOptions({ cpu: false }).cpu).toBe(false);
  });

  it('tells OpenTelemetry what is asked for, and logs from the level that is', () => {
    expect(resolveOptions({ telemetry: true }).telemetry).toEqual({ metrics: true, traces: true });
    expect(resolveOptions({ telemetry: {} }).telemetry).toEqual({ metrics: true, traces: true });
    expect(resolveOptions({ telemetry: { traces: false } }).telemetry).toEqual({ metrics: true, traces: false });
    expect(resolveOptions({ logLevel: 'silent' }).logLevel).toBe('silent');
    expect(fieldRefused({ telemetry: { spans: true } })).toBe('options.telemetry.spans');
    expect(fieldRefused({ telemetry: { traces: 1 } })).toBe('options.telemetry.traces');
    expect(fieldRefused({ telemetry: 'on' })).toBe('options.telemetry');
    expect(fieldRefused({ logLevel: 'loud' })).toBe('options.logLevel');
  });

  it('opens the native devices that are named, with their defaults', () => {
    const device = {
      executors: undefined,
      arenaMiB: 512,
      executionMode: 'auto',
      idleParkUs: 2_000,
      leaseEntries: 65_536,
      standby: false,
      startTimeoutMs: 60_000,
      hostCoherent: undefined,
    };
    const none = { compiler: undefined, cacheFolder: undefined, hostPath: undefined };
    expect(resolveOptions({ native: {} }).native).toEqual({ cpu: false, opencl: false, ...none });
    expect(resolveOptions({ native: { opencl: true, cpu: false } }).native).toEqual({
      cpu: false,
      opencl: device,
      ...none,
    });
    const native = {
      cpu: { executors: 2, standby: true },
      opencl: { hostCoherent: false, idleParkUs: 0 },
      compiler: 'g++',
    } as const;
    expect(resolveOptions({ native }).native).toEqual({
      ...none,
      cpu: { ...device, executors: 2, standby: true },
      opencl: { ...device, hostCoherent: false, idleParkUs: 0 },
      compiler: 'g++',
    });
  });

  it('keeps what was given', () => {
    const resolved = resolveOptions({
      cpu: { workers: 3, arenaMiB: 1, spinPolls: 0 },
      broker: { slotsInFlight: 8 },
      health: { drainTimeoutMs: 0 },
    });
    expect(resolved.cpu).toEqual({ workers: 3, arenaMiB: 1, spinPolls: 0 });
    expect(resolved.broker).toMatchObject({ slotsInFlight: 8, queueLimit: 4096 });
    expect(resolved.health.drainTimeoutMs).toBe(0);
  });

  const numbers: Record<string, readonly [low: number, high: number]> = {
    'cpu.workers': [1, 64],
    'cpu.arenaMiB': [1, 4032],
    'cpu.spinPolls': [0, 1e7],
    'broker.queueLimit': [1, 1e6],
    'tenants.defaults.queueLimit': [1, 1e6],
    'tenants.defaults.burstJobs': [1, 1e6],
    'tenants.named.a.queueLimit': [1, 1e6],
    'broker.slotsInFlight': [1, 8],
    'broker.resultRetentionMs': [1, 2 ** 31 - 1],
    'health.slotBudgetMs': [1, 2 ** 31 - 1],
    'health.checkIntervalMs': [1, 60_000],
    'health.maxDeathsPerMinute': [1, 1e6],
    'health.quarantineMs': [1, 2 ** 31 - 1],
    'health.heartbeatTimeoutMs': [100, 2 ** 31 - 1],
    'health.drainTimeoutMs': [0, 2 ** 31 - 1],
    'native.opencl.executors': [1, 64],
    'native.opencl.arenaMiB': [1, 4032],
    'native.opencl.idleParkUs': [0, 1e7],
    'native.opencl.leaseEntries': [1, 2 ** 32 - 1],
    'native.cpu.startTimeoutMs': [1, 2 ** 31 - 1],
  };
  it.each(Object.entries(numbers))('accepts the ends of %s and refuses everything beyond', (path, [low, high]) => {
    const of = (value: unknown): unknown =>
      path.split('.').reduceRight<unknown>((at, field) => ({ [field]: at }), value);
    for (const value of [low, high]) expect(fieldRefused(of(value))).toBeUndefined();
    const wrong = [
      low - 1,
      high + 1,
      low + 0.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      String(low),
      BigInt(low),
      true,
      [],
    ];
    for (const value of wrong) expect(fieldRefused(of(value)), String(value)).toBe(`options.${path}`);
  });

  it.each([
    [null, 'options'],
    [{ requireDevice: 'no' }, 'options.requireDevice'],
    [[], 'options'],
    ['cpu', 'options'],
    [{ gpu: {} }, 'options.gpu'],
    [{ cpu: true }, 'options.cpu'],
    [{ cpu: null }, 'options.cpu'],
    [{ cpu: { threads: 4 } }, 'options.cpu.threads'],
    [{ broker: 5 }, 'options.broker'],
    [{ broker: { tenantQueueLimit: 5 } }, 'options.broker.tenantQueueLimit'],
    [{ tenants: [] }, 'options.tenants'],
    [{ health: [] }, 'options.health'],
    [{ health: { watchdog: 1 } }, 'options.health.watchdog'],
    [{ native: true }, 'options.native'],
    [{ native: { cuda: true } }, 'options.native.cuda'],
    [{ native: { opencl: 'all' } }, 'options.native.opencl'],
    [{ native: { opencl: { hostCoherent: true } } }, 'options.native.opencl.hostCoherent'],
    [{ native: { cpu: { hostCoherent: false } } }, 'options.native.cpu.hostCoherent'],
    [{ native: { cpu: { executionMode: 'graph' } } }, 'options.native.cpu.executionMode'],
    [{ native: { cpu: { standby: 1 } } }, 'options.native.cpu.standby'],
    [{ native: { compiler: '' } }, 'options.native.compiler'],
    [{ kernels: {} }, 'options.kernels'],
    [{ kernels: null }, 'options.kernels'],
    [{ kernels: [null] }, 'options.kernels'],
    [{ kernels: [() => undefined] }, 'options.kernels'],
    [{ kernels: [kernel('a'), kernel('b'), kernel('a')] }, 'options.kernels'],
  ])('refuses %o, naming %s', (options, field) => {
    expect(fieldRefused(options)).toBe(field);
  });
});
