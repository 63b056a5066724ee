import { randomUUID } from 'node:crypto';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Clock, ClusterTable, TableRow } from '@gpu-bridge/abstractions';
import { TOMBSTONE, decodeMemberRow, encodeMemberRow, isTombstone } from './member-record.js';
import type { MemberRecord } from './member-record.js';

/** A write that nobody answered; it may have landed, and may still do so. */
interface UnansweredBeat {
  readonly beat: number;
  readonly sentAtMs: number;
}

/** Older ones prove nothing that a silo could still need. */
const MAX_UNANSWERED = 32;

/**
 * The row of this incarnation. Only this process writes it, except to end it: so a lost compare-and-set means either that
 * an earlier beat landed unanswered, which is looked up, or that this incarnation is over. One call at a time.
 *
 * Everything rejects with `CLUSTER_UNAVAILABLE` while the engine does not answer, and may then be called again.
 */
export class OwnRow {
  /** When the last acknowledged write was sent, on the monotonic clock: the row stands a lease longer than that. */
  renewedAtMs = Number.NEGATIVE_INFINITY;

  private readonly incarnation = randomUUID();
  private revision = 0;
  private beats = 0;
  private unanswered: UnansweredBeat[] = [];

  constructor(
    private readonly table: ClusterTable,
    readonly address: string,
    private readonly clusterEpoch: number,
    private readonly clock: Clock,
  ) {}

  /** @returns false when the address is another's. */
  async create(record: MemberRecord): Promise<boolean> {
    const beat = this.beat();
    const revision = await this.table.create(this.address, this.encode(record, beat));
    if (revision !== undefined) this.acknowledge(revision, beat);
    return revision !== undefined || (await this.adopt()) !== undefined;
  }

  /** @returns false when the row is lost for good. */
  async write(record: MemberRecord): Promise<boolean> {
    for (;;) {
      const beat = this.beat();
      const revision = await this.table.update(this.address, this.encode(record, beat), this.revision);
      if (revision !== undefined) {
        this.acknowledge(revision, beat);
        return true;
      }
      const landed = await this.adopt();
      if (landed === undefined) return false;
      if (landed === beat.beat) return true;
    }
  }

  /** Puts a tombstone in its place, if it still stands. */
  async remove(): Promise<void> {
    do {
      const revision = await this.table.update(this.address, TOMBSTONE, this.revision);
      if (revision !== undefined) return;
    } while ((await this.adopt()) !== undefined);
  }

  /**
   * Takes the row as it stands when it is ours.
   *
   * @returns the beat that it shows; undefined when it is gone, or another's.
   */
  private async adopt(): Promise<number | undefined> {
    const row = await this.table.get(this.address);
    if (row === undefined || isTombstone(row.value)) return undefined;
    const beat = this.ownBeat(row);
    if (beat === undefined) return undefined;
    if (row.revision <= this.revision) {
      const reason = 'a read of the own row was older than its last write';
      throw new GpuBridgeError('CLUSTER_UNAVAILABLE', { engine: this.table.name, reason }, reason);
    }
    const sentAtMs = this.unanswered.find((each) => each.beat === beat)?.sentAtMs ?? this.renewedAtMs;
    this.acknowledge(row.revision, { beat, sentAtMs });
    return beat;
  }

  private ownBeat(row: TableRow): number | undefined {
    try {
      const { incarnation, beat } = decodeMemberRow(this.address, row.value);
      return incarnation === this.incarnation ? beat : undefined;
    } catch {
      return undefined; // Whoever wrote that, it was not this silo.
    }
  }

  private beat(): UnansweredBeat {
    const beat = { beat: ++this.beats, sentAtMs: this.clock.nowMs() };
    this.unanswered.push(beat);
    if (this.unanswered.length > MAX_UNANSWERED) this.unanswered.shift();
    return beat;
  }

  private acknowledge(revision: number, { beat, sentAtMs }: UnansweredBeat): void {
    this.revision = revision;
    this.renewedAtMs = Math.max(this.renewedAtMs, sentAtMs);
    this.unanswered = this.unanswered.filter((each) => each.beat > beat);
  }

  private encode(record: MemberRecord, { beat }: UnansweredBeat): Uint8Array {
    const { incarnation, clusterEpoch } = this;
    return encodeMemberRow({ record, incarnation, beat, clusterEpoch });
  }
}
