import { GpuBridgeError } from '@gpu-bridge/abstractions';

/** What one item takes of the credits. */
export type CostOf<T> = (item: T) => number;

/**
 * Counts what is outstanding against a limit. An item that costs more than the limit is let through alone, since it
 * would otherwise never be.
 */
export class Credits {
  private outstanding = 0;
  private count = 0;

  /** @throws GpuBridgeError `INVALID_ARGUMENT` unless `limit` is an integer of 1..2^31-1. */
  constructor(
    field: string,
    private readonly limit: number,
  ) {
    if (!Number.isInteger(limit) || limit < 1 || limit > 2 ** 31 - 1) {
      throw GpuBridgeError.invalidArgument(field, limit, 'an integer of 1..2^31-1');
    }
  }

  /** Items taken and not given back. */
  get items(): number {
    return this.count;
  }

  /** Whether it is worth asking for an item whose cost is not known yet. */
  get available(): boolean {
    return this.outstanding < this.limit;
  }

  fits(cost: number): boolean {
    return this.count === 0 || this.outstanding + cost <= this.limit;
  }

  take(cost: number): void {
    this.count++;
    this.outstanding += cost;
  }

  giveBack(cost: number): void {
    this.count--;
    this.outstanding = this.count === 0 ? 0 : this.outstanding - cost; // no rounding errors of fractional costs add up
  }
}

/** @throws GpuBridgeError `INVALID_ARGUMENT` for a cost that is not a number above 0. */
export function checkedCost<T>(costOf: CostOf<T>, item: T): number {
  const cost = costOf(item);
  if (!(Number.isFinite(cost) && cost > 0))
    throw GpuBridgeError.invalidArgument('cost', cost, 'a finite number above 0');
  return cost;
}
