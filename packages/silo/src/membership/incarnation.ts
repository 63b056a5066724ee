import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Cancellable, Clock, Logger } from '@gpu-bridge/abstractions';
import type { MemberRecord } from './member-record.js';
import type { OwnRow } from './own-row.js';

/** What an incarnation asks for and tells. */
export interface IncarnationHost {
  readonly clock: Clock;
  readonly logger: Logger;
  record(incarnation: Incarnation): MemberRecord;
  /** @param afterSilence - it was the first for a while: others could not be heard either. */
  renewed(afterSilence: boolean): void;
  failed(): void;
  /** Its row is not its own any more. Told once, with the incarnation over. */
  lost(incarnation: Incarnation): void;
}

/** Between beats that changes bring forward. */
const MIN_GAP_MS = 100;
const SILENCE_BEATS = 3;
const REMOVE_ATTEMPTS = 3;

/** One life of this silo as a member: beats until it is ended or lost. */
export class Incarnation {
  /** For good. */
  isOver = false;
  /** Whether its record may say more than `joining`. */
  isReachable = false;

  private timer: Cancellable | undefined;
  private writing: Promise<void> | undefined;
  private nextWrite: Promise<void> | undefined;
  private announced = false;
  private failures = 0;
  private sentAtMs: number;
  private acknowledgedAtMs: number;

  /** @param row - created. */
  constructor(
    private readonly row: OwnRow,
    private readonly beatMs: number,
    private readonly host: IncarnationHost,
  ) {
    this.sentAtMs = this.acknowledgedAtMs = host.clock.nowMs();
    this.schedule(beatMs);
  }

  get address(): string {
    return this.row.address;
  }

  /** When the last acknowledged beat was sent. */
  get renewedAtMs(): number {
    return this.row.renewedAtMs;
  }

  /** Beats with what the record says now; resolves when that was tried. */
  renew(): Promise<void> {
    if (this.isOver) return Promise.resolve();
    if (this.writing === undefined) return this.beat();
    // The one under way may have read the record before it changed.
    this.nextWrite ??= this.writing.then(() => {
      this.nextWrite = undefined;
      return this.renew();
    });
    return this.nextWrite;
  }

  /** Brings the next beat forward. */
  announce(): void {
    if (this.isOver || this.announced) return;
    this.announced = true;
    if (this.writing === undefined) this.scheduleNext();
  }

  /** It was seen that its row is gone. */
  lose(): void {
    if (this.isOver) return;
    this.end();
    this.host.lost(this);
  }

  /** Stops beating. */
  end(): void {
    this.isOver = true;
    this.timer?.cancel();
  }

  /** Ends it, and lets everyone know: what it owned may be taken over. @throws GpuBridgeError `CLUSTER_UNAVAILABLE` */
  async remove(): Promise<void> {
    this.end();
    await this.writing;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.row.remove();
        return;
      } catch (error) {
        if (attempt === REMOVE_ATTEMPTS || !GpuBridgeError.is(error, 'CLUSTER_UNAVAILABLE')) throw error;
      }
    }
  }

  private readonly beat = (): Promise<void> => {
    this.timer?.cancel();
    this.writing = this.write().then(() => {
      this.writing = undefined;
      if (!this.isOver) this.scheduleNext();
    });
    return this.writing;
  };

  private async write(): Promise<void> {
    this.announced = false;
    this.sentAtMs = this.host.clock.nowMs();
    try {
      const stands = await this.row.write(this.host.record(this));
      if (this.isOver) return;
      if (stands) this.acknowledged();
      else this.lose();
    } catch (error) {
      this.failures++;
      this.host.failed();
      // Every cause ends the same way, fenced and then gone, unless a later beat gets through.
      if (this.failures === 1) this.host.logger.warn('a beat failed', { address: this.address, error });
    }
  }

  private acknowledged(): void {
    const nowMs = this.host.clock.nowMs();
    const afterSilence = this.failures > 0 || nowMs - this.acknowledgedAtMs > SILENCE_BEATS * this.beatMs;
    if (this.failures > 0)
      this.host.logger.info('beats get through again', { address: this.address, failed: this.failures });
    this.failures = 0;
    this.acknowledgedAtMs = nowMs;
    this.host.renewed(afterSilence);
  }

  private scheduleNext(): void {
    const gapMs = this.announced ? MIN_GAP_MS : this.beatMs;
    this.schedule(Math.max(0, this.sentAtMs + gapMs - this.host.clock.nowMs()));
  }

  private schedule(delayMs: number): void {
    this.timer?.cancel();
    this.timer = this.host.clock.schedule(() => {
      if (this.writing === undefined && !this.isOver) void this.beat();
    }, delayMs);
  }
}
