import { u32 } from '@gpu-bridge/abstractions';
import type { GpuExecutionHints, KernelHandle, TenantInfo } from '@gpu-bridge/abstractions';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startManualBridge } from '../testing/manual-bridge.js';
import type { ManualSetting } from '../testing/manual-bridge.js';

const KIB = 2 ** -10;

async function start(setting: ManualSetting = {}) {
  const manual = await startManualBridge({ names: ['a'], ...setting });
  const { bridge, kernel, end, read } = manual;
  const tenant = (name: string): TenantInfo => bridge.getTenants().find((info) => info.tenant === name)!;
  const submit = (name: string, items = 10, hints: GpuExecutionHints = {}) =>
    kernel.submitBatch({ x: new Uint32Array(items).fill(5) }, { tenant: name, ...hints });
  const finish = async (handle: KernelHandle): Promise<void> => {
    expect(await end(handle)).toMatchObject({ outcome: 'completed' });
    for (let step = await read(handle).next(); step.done !== true;) break;
    handle.dispose();
  };
  /** Every other element of `value`s; what lies between comes as it was. */
  const sparse = async (name: string, value: number, items: number): Promise<number[]> => {
    const grid = bridge.getKernel('sparse');
    const x = new Uint32Array(items).fill(value);
    const handle = await grid.submitGrid({ x }, { globalSize: [items] }, { tenant: name });
    await end(handle);
    const values: number[] = [];
    for await (const { columns } of grid.readResults(handle)) values.push(...(columns['y'] as Uint32Array));
    return values;
  };
  return { ...manual, tenant, submit, finish, sparse };
}

describe('the rate of a tenant', () => {
  it('refuses what is beyond it, says when to come back, and then takes the job', async () => {
    const limits = { defaults: { jobsPerSecond: 10, burstJobs: 3 }, named: { free: { jobsPerSecond: Infinity } } };
    const { submit, clock, tenant, finish } = await start({ tenants: limits });
    const handles = [await submit('t'), await submit('t'), await submit('t')];
    const refusal: unknown = await submit('t').catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'RATE_LIMITED', retry: 'same-device', details: { tenant: 't' } });
    const { retryAfterNs } = (refusal as { details: { retryAfterNs: bigint } }).details;
    expect(retryAfterNs).toBeGreaterThan(90_000_000n);
    expect(retryAfterNs).toBeLessThanOrEqual(100_000_000n);
    handles.push(await submit('other')); // each has its own
    for (let i = 0; i < 20; i++) handles.push(await submit('free'));
    clock.advanceMs(Number(retryAfterNs) / 1e6);
    handles.push(await submit('t'));
    await expect(submit('t')).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    expect(tenant('t')).toMatchObject({ submitted: 4, refusedByRate: 2, refusedByQueue: 0 });
    for (const handle of handles) await finish(handle);
    expect(tenant('t')).toMatchObject({ completed: 4, queuedJobs: 0, arenaBytes: 0, latencyUs: { count: 4 } });
  });

  it('is not used up by jobs that are refused for another reason', async () => {
    const tenants = { defaults: { jobsPerSecond: 1, burstJobs: 2, queueLimit: 1 } };
    const { submit, tenant, a } = await start({ tenants, broker: { slotsInFlight: 1 } });
    await submit('t', 300);
    await turn();
    await submit('t', 300); // waits
    for (let i = 0; i < 5; i++) await expect(submit('t', 300)).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    expect(tenant('t')).toMatchObject({ submitted: 2, refusedByQueue: 5, refusedByRate: 0, queuedJobs: 1 });
    expect(a.executors.length).toBe(1);
  });
});

describe('the arena quota of a tenant', () => {
  it('refuses at once the job that alone is more than it, and the allocation that goes beyond', async () => {
    const { submit, bridge, tenant } = await start({ tenants: { named: { t: { arenaMiB: 4 * KIB } } } });
    await expect(submit('t', 2_000)).rejects.toMatchObject({
      code: 'QUOTA_EXCEEDED',
      details: { tenant: 't', deviceId: 'a:0', usedBytes: 0, quotaBytes: 4_096 },
    });
    using _first = bridge.allocate(u32, 600, { tenant: 't' });
    expect(() => bridge.allocate(u32, 600, { tenant: 't' })).toThrow(/has 2432/);
    using _other = bridge.allocate(u32, 600);
    expect(tenant('t')).toMatchObject({ refusedByQuota: 2, arenaBytes: 2_432, arenaQuotaBytes: 4_096, submitted: 0 });
    expect(tenant('default')).toMatchObject({ arenaBytes: 2_432, arenaQuotaBytes: undefined });
  });

  it('lets a job wait for the results of an earlier one to be read, while other tenants go on', async () => {
    const { submit, end, finish, tenant } = await start({ tenants: { named: { t: { arenaMiB: 4 * KIB } } } });
    const first = await submit('t', 400);
    await end(first);
    const waiting = await submit('t', 400);
    const urgent = await submit('t', 300, { priority: 'high' });
    for (let i = 0; i < 5; i++) await finish(await submit('other', 400));
    expect([waiting.state, urgent.state, tenant('t').queuedJobs]).toEqual(['queued', 'queued', 2]);
    first.dispose();
    await finish(urgent);
    await finish(waiting);
    expect(tenant('t')).toMatchObject({ completed: 3, queuedJobs: 0, arenaBytes: 0, refusedByQuota: 0 });
  });

  it('lets go on what waited only for a job that was given up', async () => {
    const { submit, end, finish } = await start({ tenants: { named: { t: { arenaMiB: 4 * KIB } } } });
    const held = await submit('t', 150);
    await end(held);
    const large = await submit('t', 400);
    const small = await submit('t', 100);
    await turn();
    expect([large.state, small.state]).toEqual(['queued', 'queued']);
    large.cancel();
    await finish(small);
    held.dispose();
  });

  it('fails a job when nothing that it waits for would come back by itself', async () => {
    const { submit, end, bridge } = await start({ tenants: { named: { t: { arenaMiB: 4 * KIB } } } });
    using _kept = bridge.allocate(u32, 500, { tenant: 't' });
    const { outcome, error } = await end(await submit('t', 400));
    expect({ outcome, error }).toMatchObject({ outcome: 'failed', error: { code: 'QUOTA_EXCEEDED' } });
  });
});

describe('what belongs to another tenant', () => {
  it('is refused as a column, whole or in part, before anything is queued', async () => {
    const { bridge, kernel, finish, tenant } = await start();
    using mine = bridge.allocate<Uint32Array>(u32, 100, { tenant: 'owner' });
    mine.data.fill(3);
    const refused = { code: 'FOREIGN_HANDLE', details: { what: 'allocation', tenant: 'thief' } };
    const within = new Uint32Array(mine.data.buffer, mine.data.byteOffset + 40, 5);
    const across = new Uint32Array(mine.data.buffer, mine.data.byteOffset + 380, 200);
    for (const x of [mine.data, within, across])
      await expect(kernel.submitBatch({ x }, { tenant: 'thief' })).rejects.toMatchObject(refused);
    await expect(kernel.submitBatch({ x: within })).rejects.toMatchObject({ details: { tenant: 'default' } });
    await finish(await kernel.submitBatch({ x: within }, { tenant: 'owner' }));
    expect(tenant('thief')).toMatchObject({ submitted: 0, security: { foreignHandles: 3 } });
    expect(tenant('owner').security.foreignHandles).toBe(0);
  });

  it('cannot be seen through a kernel that leaves gaps, and what a tenant had itself is not wiped for that', async () => {
    const { sparse, submit, finish, tenant, bridge, info } = await start();
    const between = (values: readonly number[]): Set<number> => new Set(values.filter((_, i) => i % 2 === 1));
    await finish(await submit('owner', 500)); // writes over everything that the others get
    expect(between(await sparse('owner', 1, 64))).not.toContain(0);
    const wipedForOwner = tenant('owner').security.wipedBytes;
    expect(between(await sparse('thief', 2, 64))).toEqual(new Set([0]));
    const { wipedBytes } = tenant('thief').security;
    expect(wipedBytes).toBeGreaterThanOrEqual(64 * 4);
    expect(between(await sparse('thief', 2, 64))).not.toContain(1);
    expect([wipedForOwner, tenant('thief').security.wipedBytes]).toEqual([0, wipedBytes]);
    using allocation = bridge.allocate<Uint32Array>(u32, 64, { tenant: 'third' });
    expect(allocation.data.every((value) => value === 0)).toBe(true);
    expect(tenant('third').security.wipedBytes).toBe(allocation.sizeBytes);
    expect(info(0).arena.usedBytes).toBe(allocation.sizeBytes);
  });
});

describe('the priority of a tenant', () => {
  it('is at most the highest that it may have', async () => {
    const tenants = { named: { bulk: { highestPriority: 'low' } } } as const;
    const { submit, end } = await start({ tenants, broker: { slotsInFlight: 1 } });
    const running = await submit('bulk', 300);
    await turn();
    const [first, second] = [
      await submit('bulk', 300, { priority: 'low', maxMicroBatch: 300 }),
      await submit('bulk', 300, { priority: 'high', maxMicroBatch: 301 }),
    ];
    await end(first);
    expect(second.state).not.toBe('completed');
    for (const handle of [running, first, second]) handle.dispose();
  });
});

it('counts kernels that no device takes, and what was refused by names that never had a job', async () => {
  const { bridge, submit, tenant } = await start();
  await expect(submit('t', 1, { preferredDevice: 'z:9' })).rejects.toMatchObject({ code: 'DEVICE_NOT_FOUND' });
  expect(tenant('t').security.refusedKernels).toBe(0); // the device is missing, the kernel is not
  expect(() => bridge.allocate(u32, 1, { tenant: '' })).toThrow(/options.tenant/);
  expect(bridge.foreignHandle('job 7', 't')).toMatchObject({ code: 'FOREIGN_HANDLE', details: { what: 'job 7' } });
  expect(tenant('t')).toMatchObject({ submitted: 0, security: { foreignHandles: 1 } });
});
