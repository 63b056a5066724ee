import { describe, expect, it } from 'vitest';
import { GpuBridgeError } from '../errors/gpu-bridge-error.js';
import { resolveTenants, tenantLimits } from './tenant-options.js';
import type { TenantsOptions } from './tenant-options.js';

function fieldRefused(tenants: unknown): string | undefined {
  try {
    resolveTenants(tenants as TenantsOptions);
    return undefined;
  } catch (error) {
    if (GpuBridgeError.is(error, 'INVALID_ARGUMENT')) return error.details.field;
    throw error;
  }
}

describe('options of tenants', () => {
  it('give tenants without a name the defaults, and named ones what they leave out from there', () => {
    const resolved = resolveTenants({
      defaults: { queueLimit: 10, jobsPerSecond: 2.5, arenaMiB: 1 },
      named: { ada: { weight: 3, highestPriority: 'normal' }, bulk: { jobsPerSecond: Infinity, arenaMiB: 0.5 } },
    });
    const defaults = {
      ...{ weight: 1, queueLimit: 10, jobsPerSecond: 2.5, burstJobs: 3, arenaMiB: 1 },
      highestPriority: 'high',
    };
    expect(tenantLimits(resolved, 'anybody')).toEqual(defaults);
    expect(tenantLimits(resolved, 'ada')).toEqual({ ...defaults, weight: 3, highestPriority: 'normal' });
    expect(tenantLimits(resolved, 'bulk')).toMatchObject({ jobsPerSecond: undefined, arenaMiB: 0.5 });
  });

  it('know no tenant by the names that every object has', () => {
    const resolved = resolveTenants({ named: { ada: { weight: 2 } } });
    for (const name of ['constructor', '__proto__', 'toString'])
      expect(tenantLimits(resolved, name)).toBe(resolved.defaults);
  });

  it('let a burst be as long as a second, unless it is said', () => {
    const burst = (tenants: TenantsOptions): number | undefined => tenantLimits(resolveTenants(tenants), 'a').burstJobs;
    expect(burst({ defaults: { jobsPerSecond: 0.1 } })).toBe(1);
    expect(burst({ defaults: { jobsPerSecond: 50 }, named: { a: { jobsPerSecond: 70 } } })).toBe(70);
    expect(burst({ defaults: { jobsPerSecond: 50, burstJobs: 5 }, named: { a: { jobsPerSecond: 70 } } })).toBe(5);
  });

  const wrong: Record<string, readonly unknown[]> = {
    weight: [0, -1, Number.NaN, Infinity, '1'],
    jobsPerSecond: [0, -1, Number.NaN, '1', 1n],
    arenaMiB: [0, -0.5, Number.NaN, '64'],
    highestPriority: ['urgent', 1, ''],
  };
  it.each(Object.entries(wrong))('refuse a wrong %s, naming the tenant', (field, values) => {
    for (const value of values) {
      expect(fieldRefused({ defaults: { [field]: value } })).toBe(`options.tenants.defaults.${field}`);
      expect(fieldRefused({ named: { b: {}, a: { [field]: value } } })).toBe(`options.tenants.named.a.${field}`);
    }
  });

  it.each([
    [{ default: {} }, 'options.tenants.default'],
    [{ named: [] }, 'options.tenants.named'],
    [{ named: { a: 5 } }, 'options.tenants.named.a'],
    [{ named: { a: { rate: 5 } } }, 'options.tenants.named.a.rate'],
    [{ named: { '': {} } }, 'options.tenants.named.'],
    [{ named: { ['x'.repeat(65)]: {} } }, `options.tenants.named.${'x'.repeat(65)}`],
    [{ defaults: null, named: { a: {} } }, 'options.tenants.defaults'],
  ])('refuse %o, naming %s', (tenants, field) => {
    expect(fieldRefused(tenants)).toBe(field);
  });
});
