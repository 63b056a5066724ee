import { tenantLimits } from '@gpu-bridge/abstractions';
import type { ResolvedTenantsOptions, TenantInfo } from '@gpu-bridge/abstractions';
import { TenantAccount } from './tenant-account.js';

/** Tenants without limits of their own that are remembered while they have nothing here. */
export const REMEMBERED_TENANTS = 256;
/** Records that are looked at for each new one: more leave than come. */
const LOOKED_AT = 4;

/**
 * The tenants that this silo has heard of. Their names come from callers, so memory for them must have an end: of those that
 * have nothing here and no limits of their own only so many are remembered; the others' counters are added up.
 */
export class TenantAccounts {
  /** Least recently new or found busy first. */
  private readonly accounts = new Map<string, TenantAccount>();
  private readonly forgotten: TenantAccount;
  private hasForgotten = false;

  constructor(private readonly options: ResolvedTenantsOptions) {
    this.forgotten = new TenantAccount('', options.defaults);
  }

  /** The tenant's account, made when first asked for. To be used at once, or while it is not idle: it may be forgotten. */
  of(tenant: string): TenantAccount {
    return this.accounts.get(tenant) ?? this.add(tenant);
  }

  find(tenant: string): TenantAccount | undefined {
    return this.accounts.get(tenant);
  }

  /** @param queuedJobs - jobs that wait, by tenant. */
  describe(queuedJobs: (tenant: string) => number): readonly TenantInfo[] {
    const known = [...this.accounts.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    const infos = known.map((account) => account.describe(queuedJobs(account.name)));
    return this.hasForgotten ? [...infos, this.forgotten.describe(0)] : infos;
  }

  private add(tenant: string): TenantAccount {
    if (this.accounts.size >= REMEMBERED_TENANTS) this.forgetSome();
    const account = new TenantAccount(tenant, tenantLimits(this.options, tenant));
    this.accounts.set(tenant, account);
    return account;
  }

  private forgetSome(): void {
    let left = LOOKED_AT;
    for (const [name, account] of this.accounts) {
      if (left-- === 0 || this.accounts.size < REMEMBERED_TENANTS) return;
      this.accounts.delete(name);
      if (account.isIdle && !this.options.named.has(name)) {
        this.forgotten.absorb(account);
        this.hasForgotten = true;
      } else this.accounts.set(name, account);
    }
  }
}
