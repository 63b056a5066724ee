import { describe, expect, it } from 'vitest';
import { tenantAccounts } from '../testing/fixture.js';
import { REMEMBERED_TENANTS } from './tenant-accounts.js';

describe('accounts of tenants', () => {
  it('remember only so many names, and lose no count of those that are forgotten', () => {
    const accounts = tenantAccounts({ named: { vip: { weight: 2 } } });
    accounts.of('vip').submitted++;
    const busy = accounts.of('busy');
    busy.liveJobs++;
    for (let i = 0; i < 5_000; i++) {
      const account = accounts.of(`t${i}`);
      account.submitted++;
      account.liveJobs++;
      account.recordEnd('completed', 50_000);
      account.refusedByRate += 2;
      account.wipedBytes += 64;
    }
    const infos = accounts.describe(() => 0);
    expect(infos.length).toBe(REMEMBERED_TENANTS + 1);
    expect(accounts.find('vip')?.submitted).toBe(1);
    expect(accounts.find('busy')).toBe(busy);
    const sum = (of: (info: (typeof infos)[number]) => number): number =>
      infos.reduce((all, info) => all + of(info), 0);
    expect(sum(({ submitted }) => submitted)).toBe(5_001);
    expect(sum(({ refusedByRate }) => refusedByRate)).toBe(10_000);
    expect(sum(({ security }) => security.wipedBytes)).toBe(320_000);
    expect(sum(({ latencyUs }) => latencyUs.count)).toBe(5_000);
    const forgotten = infos.at(-1)!;
    expect(forgotten.tenant).toBe('');
    expect(forgotten.latencyUs.p95).toBeGreaterThan(49);
    expect(forgotten.latencyUs.p95).toBeLessThan(51);
  });

  it('keep whoever has something here, and forget them when they have nothing any more', () => {
    const accounts = tenantAccounts();
    const many = Array.from({ length: 2 * REMEMBERED_TENANTS }, (_, i) => {
      const account = accounts.of(`busy${i}`);
      account.on(0).arenaBytes = 64;
      return account;
    });
    for (let i = 0; i < 1_000; i++) accounts.of(`passing${i}`);
    for (const account of many) expect(accounts.find(account.name)).toBe(account);
    for (const account of many) account.on(0).arenaBytes = 0;
    for (let i = 0; i < 2_000; i++) accounts.of(`later${i}`);
    expect(accounts.describe(() => 0).length).toBe(REMEMBERED_TENANTS + 1);
  });

  it('lower priorities to the highest that the tenant may have, and raise none', () => {
    const accounts = tenantAccounts({
      defaults: { highestPriority: 'normal' },
      named: { bulk: { highestPriority: 'low' } },
    });
    const priorities = ['high', 'normal', 'low'] as const;
    expect(priorities.map((priority) => accounts.of('any').clamp(priority))).toEqual(['normal', 'normal', 'low']);
    expect(priorities.map((priority) => accounts.of('bulk').clamp(priority))).toEqual(['low', 'low', 'low']);
  });
});
