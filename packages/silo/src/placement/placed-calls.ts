import { invariant } from '@gpu-bridge/abstractions';

/** Calls that this silo has placed on others and that have not ended, by the address they went to. */
export class PlacedCalls {
  private readonly byAddress = new Map<string, number>();

  begin(address: string): void {
    this.byAddress.set(address, this.at(address) + 1);
  }

  end(address: string): void {
    const left = this.at(address) - 1;
    invariant(left >= 0, 'a placed call ends once');
    if (left === 0) this.byAddress.delete(address);
    else this.byAddress.set(address, left);
  }

  at(address: string): number {
    return this.byAddress.get(address) ?? 0;
  }
}
