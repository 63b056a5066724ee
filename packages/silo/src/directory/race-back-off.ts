import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Clock } from '@gpu-bridge/abstractions';

const FIRST_WAIT_MS = 4;
const ATTEMPTS = 10;

/** Waits, longer each time, between attempts that lost a race or read what was stale; then gives up. */
export class RaceBackOff {
  private attempts = 0;

  /** @param what - names the row in errors. */
  constructor(
    private readonly what: string,
    private readonly clock: Clock,
  ) {}

  /** @throws GpuBridgeError `CLUSTER_UNAVAILABLE` after about two seconds. */
  async wait(): Promise<void> {
    if (++this.attempts === ATTEMPTS) {
      const reason = `${this.what} could not be written: reads lag behind, or too many want it`;
      throw new GpuBridgeError('CLUSTER_UNAVAILABLE', { engine: 'table', reason }, reason);
    }
    // The first is at once: a race was most likely won by someone who is done now.
    if (this.attempts > 1) await this.clock.sleepNs(BigInt(FIRST_WAIT_MS * 2 ** (this.attempts - 2)) * 1_000_000n);
  }
}
