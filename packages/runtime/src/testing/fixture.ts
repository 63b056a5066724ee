import { argumentLayout, input, output, resolveOptions, u32 } from '@gpu-bridge/abstractions';
import type {
  DeviceDescription,
  GpuExecutionHints,
  GridLaunch,
  KernelDefinition,
  KernelDescriptor,
  KernelParams,
  Logger,
  TenantsOptions,
} from '@gpu-bridge/abstractions';
import { LoadedKernel } from '../catalog/loaded-kernel.js';
import { bindGridInputs, bindMapInputs } from '../columns/bound-inputs.js';
import { Job } from '../jobs/job.js';
import type { JobOwner } from '../jobs/job.js';
import { TenantAccounts } from '../tenancy/tenant-accounts.js';

/** What tests of single classes stand on: kernels nobody compiled and jobs nobody owns. */

/** A map from x to y; by default of u32, and a copy. */
export function definitionOf(name: string, more: Partial<KernelDefinition> = {}): KernelDefinition {
  return {
    kind: 'map',
    name,
    params: { x: input(u32), y: output(u32) },
    constants: {},
    uses: {},
    fp: 'strict',
    bounds: 'checked',
    body: (_k, p: { x: number; y: { value: number } }) => void (p.y.value = p.x),
    ...more,
  };
}

export function descriptorOf(params: KernelParams, more: Partial<KernelDescriptor> = {}): KernelDescriptor {
  return {
    id: 'test@0',
    name: 'test',
    kind: 'map',
    params,
    layout: argumentLayout(params, more.workspaceBytes),
    effects: 'pure',
    requires: [],
    readsItemIndex: false,
    fp: 'strict',
    bounds: 'checked',
    workgroup: null,
    workspaceBytes: 0,
    irVersion: 0,
    ...more,
  };
}

export function kernelOf(params: KernelParams, more: Partial<KernelDescriptor> = {}): LoadedKernel {
  return new LoadedKernel(descriptorOf(params, more), { target: 'js', source: '' }, 1);
}

export const testDevice: DeviceDescription = {
  id: 'test:0',
  name: 'test',
  type: 'cpu',
  backend: 'test',
  executors: 2,
  arenaBytes: 2 ** 16,
  executionMode: 'leased',
  executionModes: ['leased'],
  lanes: 1,
  hostCoherent: true,
  faultDomain: 'executor',
  targets: ['js'],
  offers: [],
};

/** An owner that does only what a job needs to end. */
export class TestOwner implements JobOwner {
  readonly released: Job[] = [];
  timeMs = 1;

  constructor(readonly description: DeviceDescription = testDevice) {}

  nowMs(): number {
    return this.timeMs;
  }

  cancel(job: Job): void {
    job.end('cancelled', undefined);
  }

  claim(job: Job): void {
    job.isBeingRead = true;
  }

  release(job: Job): void {
    this.released.push(job);
    job.holdsMemory = false;
  }
}

/** The tenants of a silo with these limits. */
export function tenantAccounts(tenants: TenantsOptions = {}): TenantAccounts {
  return new TenantAccounts(resolveOptions({ tenants }).tenants);
}

export function mapJob(
  kernel: LoadedKernel,
  items: Record<string, unknown>,
  hints: GpuExecutionHints = {},
  owner: JobOwner = new TestOwner(),
): Job {
  const account = tenantAccounts().of(hints.tenant ?? 'default');
  return new Job(kernel, bindMapInputs(kernel.shape, items), hints, false, owner, account);
}

export function gridJob(kernel: LoadedKernel, args: Record<string, unknown>, launch: GridLaunch): Job {
  const account = tenantAccounts().of('default');
  return new Job(kernel, bindGridInputs(kernel.shape, args, launch), {}, false, new TestOwner(), account);
}

/** Keeps what was logged. */
export class LogLines implements Logger {
  readonly lines: string[] = [];
  /** What each line had beside its message. */
  readonly fields: Readonly<Record<string, unknown>>[] = [];
  readonly debug = this.keep('debug');
  readonly info = this.keep('info');
  readonly warn = this.keep('warn');
  readonly error = this.keep('error');

  private keep(level: string): (message: string, fields?: Readonly<Record<string, unknown>>) => void {
    return (message, fields = {}) => {
      this.lines.push(`${level}: ${message}`);
      this.fields.push(fields);
    };
  }
}
