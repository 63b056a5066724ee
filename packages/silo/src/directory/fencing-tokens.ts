import { GpuBridgeError } from '@gpu-bridge/abstractions';

/** At a million writes a second, 12 days; at a thousand, 34 years. */
const REVISIONS_PER_EPOCH = 2 ** 40;
const MAX_EPOCH = 2 ** 13 - 1;

/**
 * Revisions of one table as fencing tokens, which also rise from one epoch to the next. Finds out when the table's engine
 * has lost writes: then a new revision is not above all that were seen before, and nothing is a token any more.
 */
export class FencingTokens {
  private highest = 0;
  private lostWrites = false;

  /** @throws GpuBridgeError `INVALID_ARGUMENT` */
  constructor(
    private readonly clusterEpoch: number,
    private readonly onLostWrites: () => void,
  ) {
    if (Number.isInteger(clusterEpoch) && clusterEpoch >= 0 && clusterEpoch <= MAX_EPOCH) return;
    throw GpuBridgeError.invalidArgument('clusterEpoch', clusterEpoch, `an integer of 0..${MAX_EPOCH}`);
  }

  /** Of a row that was read. */
  seen(revision: number): number {
    this.highest = Math.max(this.highest, revision);
    return this.clusterEpoch * REVISIONS_PER_EPOCH + revision;
  }

  /**
   * To be called before a write is sent.
   *
   * @returns makes a token of the revision that the write has got.
   * @throws GpuBridgeError `STORAGE_UNAVAILABLE` from both when writes were lost.
   */
  expectNew(): (revision: number) => number {
    this.check();
    const above = this.highest;
    return (revision) => {
      if (revision <= above && !this.lostWrites) {
        this.lostWrites = true;
        this.onLostWrites();
      }
      this.check();
      return this.seen(revision);
    };
  }

  revisionOf(token: number): number {
    return token - this.clusterEpoch * REVISIONS_PER_EPOCH;
  }

  private check(): void {
    if (!this.lostWrites) return;
    const reason = 'the engine has lost writes; an operator has to raise clusterEpoch';
    throw new GpuBridgeError('STORAGE_UNAVAILABLE', { what: 'grain directory', reason }, reason);
  }
}
