import type { DeviceInfo, SiloDiagnostics } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { deviceInfoOf, diagnosticsOf } from '../testing/silo-diagnostics.js';
import { assess } from './cluster-health.js';
import type { SiloHealth } from './cluster-health.js';

function silo(siloId: string, more: Partial<SiloDiagnostics> = {}): SiloHealth {
  const diagnostics = diagnosticsOf(siloId, more);
  return { siloId, address: siloId, state: 'active', diagnostics, reason: undefined, ageMs: 0, devices: [] };
}

const withDevice = (device: Partial<DeviceInfo>): SiloHealth => silo('b', { devices: [deviceInfoOf('cpu:0', device)] });
const silent: SiloHealth = {
  ...silo('b'),
  ...{ state: 'unreachable', diagnostics: undefined, reason: 'nobody listens', ageMs: 1_234.5 },
};

describe('the verdict on a cluster', () => {
  test('is healthy while every silo answers and its devices run', () => {
    expect(assess([silo('a'), silo('b', { devices: [] })])).toEqual({ verdict: 'healthy', reasons: [] });
    const draining: SiloHealth = { ...silent, state: 'draining', reason: 'it is draining' };
    expect(assess([silo('a'), draining]).verdict).toBe('healthy');
    const restarting = {
      executors: [{ state: 'starting' as const, generation: 2, outstanding: 0, heartbeatAgeMs: 0 }],
    };
    const two = [...restarting.executors, ...deviceInfoOf('cpu:0').executors];
    expect(assess([withDevice({ health: 'restarting', executors: two })]).verdict).toBe('healthy');
  });

  test.each([
    [silent, 'silo b is unreachable, last heard of 1235 ms ago: nobody listens'],
    [
      withDevice({ health: 'quarantined', quarantine: { reason: 'it died', endsInMs: 5, failedStarts: 0 } }),
      'device cpu:0 of silo b is quarantined: it died',
    ],
    [withDevice({ health: 'closed' }), 'device cpu:0 of silo b is closed'],
    [
      withDevice({ executors: [{ state: 'starting', generation: 2, outstanding: 0, heartbeatAgeMs: 0 }] }),
      'device cpu:0 of silo b has no executor that runs',
    ],
    [
      withDevice({ pressure: { deviceId: 'cpu:0', queuedJobs: 95, queueUse: 0.95, utilisation: 1 } }),
      'the queue of device cpu:0 of silo b is 95 % full',
    ],
    [
      silo('b', { unavailable: [{ backend: 'opencl', reason: 'no driver' }] }),
      'silo b has no opencl device: no driver',
    ],
    [
      silo('b', {
        audit: {
          folder: 'f',
          writtenRecords: 1,
          pendingRecords: 0,
          pendingBytes: 0,
          lostRecords: 0,
          failed: 'disk full',
        },
      }),
      'silo b records no jobs any more: disk full',
    ],
  ])('is degraded, and says why: %#', (other, reason) => {
    expect(assess([silo('a'), other])).toEqual({ verdict: 'degraded', reasons: [reason] });
  });

  test('is unavailable when no silo that answers has a device that takes jobs', () => {
    for (const silos of [[], [silent], [silo('a', { devices: [] })], [silo('a', { state: 'stopped' })]])
      expect(assess(silos)).toMatchObject({
        verdict: 'unavailable',
        reasons: expect.arrayContaining(['no silo has a device that takes jobs']) as unknown,
      });
    expect(assess([withDevice({ health: 'closed' })]).verdict).toBe('unavailable');
  });
});
