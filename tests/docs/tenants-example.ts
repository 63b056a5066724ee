// The example of docs/OPERATIONS.md "Tenants"; tests/docs/examples.test.ts runs it.
// --8<-- [start:tenants]
import type { TenantsOptions } from '@gpu-bridge/abstractions';

/** `addGpuBridge(container, { kernels, tenants })`. */
export const tenants: TenantsOptions = {
  defaults: { queueLimit: 256, jobsPerSecond: 500, arenaMiB: 64, highestPriority: 'normal' },
  named: {
    checkout: { weight: 4, jobsPerSecond: Infinity, highestPriority: 'high' },
    reports: { weight: 0.5, arenaMiB: 128 },
  },
};
// --8<-- [end:tenants]
