import type { TenantQueue } from './fair-queue.js';

/** Tenants with work, the one that is due first: a binary heap by start, those of the same start in the order they came. */
export class ActiveTenants {
  private readonly heap: TenantQueue[] = [];
  private arrivals = 0;

  get first(): TenantQueue | undefined {
    return this.heap[0];
  }

  [Symbol.iterator](): Iterator<TenantQueue> {
    return this.heap[Symbol.iterator]();
  }

  add(tenant: TenantQueue): void {
    tenant.arrival = this.arrivals++;
    tenant.place = this.heap.length;
    this.heap.push(tenant);
    this.rise(tenant);
  }

  removeFirst(): void {
    const first = this.heap[0]!;
    const last = this.heap.pop()!;
    first.place = -1;
    if (last === first) return;
    this.put(last, 0);
    this.sink(last);
  }

  /** The tenant's start has grown. */
  sink(tenant: TenantQueue): void {
    for (;;) {
      const left = this.heap[2 * tenant.place + 1];
      const right = this.heap[2 * tenant.place + 2];
      const least = right !== undefined && isBefore(right, left!) ? right : left;
      if (least === undefined || !isBefore(least, tenant)) return;
      this.swap(least, tenant);
    }
  }

  private rise(tenant: TenantQueue): void {
    while (tenant.place > 0) {
      const parent = this.heap[(tenant.place - 1) >> 1]!;
      if (!isBefore(tenant, parent)) return;
      this.swap(tenant, parent);
    }
  }

  /** @param upper - moves up to where `lower` is. */
  private swap(upper: TenantQueue, lower: TenantQueue): void {
    const { place } = lower;
    this.put(lower, upper.place);
    this.put(upper, place);
  }

  private put(tenant: TenantQueue, place: number): void {
    this.heap[place] = tenant;
    tenant.place = place;
  }
}

function isBefore(a: TenantQueue, b: TenantQueue): boolean {
  return a.startNs < b.startNs || (a.startNs === b.startNs && a.arrival < b.arrival);
}
