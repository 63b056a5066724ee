import { GpuBridgeError, invariant } from '@gpu-bridge/abstractions';

/** Nothing says when a call of another silo ends; long enough to let some end, short enough to poll. */
export const BUSY_RETRY_AFTER_NS = 10_000_000n;

/**
 * What a silo grants to calls that directors place on it. The figures that directors see are estimates; this is where a call
 * is let in or refused, so however many silos chose the last place, one gets it.
 */
export class CapacityLedger {
  /** Calls let in and not ended. */
  inUse = 0;
  /** Calls refused. */
  refused = 0;

  /** What was in use when others were told last. */
  private toldInUse = 0;

  /**
   * @param limit - calls let in at once.
   * @param onShift - called when an eighth of the limit has come or gone since it was called last, and when the last place
   *   was taken: what other silos were told is history then.
   */
  constructor(
    readonly limit: number,
    private readonly onShift: () => void = () => undefined,
  ) {}

  /** @returns whether the call may run; then `release` must follow when it has ended. */
  tryReserve(): boolean {
    if (this.inUse >= this.limit) {
      this.refused++;
      return false;
    }
    this.inUse++;
    this.noteShift();
    return true;
  }

  release(): void {
    invariant(this.inUse > 0, 'what is released was reserved');
    this.inUse--;
    this.noteShift();
  }

  /** The error of a call that was refused. */
  busy(siloId: string): GpuBridgeError<'SILO_BUSY'> {
    return new GpuBridgeError(
      'SILO_BUSY',
      { siloId, retryAfterNs: BUSY_RETRY_AFTER_NS },
      `silo ${siloId} has ${this.limit} placed calls, as many as it takes`,
    );
  }

  private noteShift(): void {
    const isLast = this.inUse === this.limit;
    if (!isLast && Math.abs(this.inUse - this.toldInUse) < this.limit / 8) return;
    this.toldInUse = this.inUse;
    this.onShift();
  }
}
