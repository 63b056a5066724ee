import type { Clock, LostSilo } from '@gpu-bridge/abstractions';
import { LostSilos } from './lost-silos.js';
import { decodeMemberRow, isTombstone } from './member-record.js';
import type { Member } from './member-record.js';

interface Peer {
  member: Member;
  revision: number;
  /** When its last beat was seen, on our own monotonic clock: theirs is not known here. */
  seenAtMs: number;
}

/** What a row said: `beat` of a silo that lives, `death` for good, `old` news, or none of a member. */
export type RowNews = 'beat' | 'death' | 'old' | 'invalid' | 'older-epoch' | 'newer-epoch';

/** Dead addresses never come back, so forgetting the oldest only means to prove it again. */
const MAX_DEAD_REMEMBERED = 4_096;

/** The other silos, by what their rows said last. */
export class Peers {
  private readonly peers = new Map<string, Peer>();
  /** In the order in which they died. */
  private readonly dead = new Set<string>();
  private readonly losses: LostSilos;

  constructor(
    private readonly clusterEpoch: number,
    private readonly clock: Clock,
  ) {
    this.losses = new LostSilos(clock);
  }

  get members(): Iterable<Member> {
    return [...this.peers.values()].map(({ member }) => member);
  }

  find(address: string): Member | undefined {
    return this.peers.get(address)?.member;
  }

  /** Time since the last beat was seen, ms; 0 of one that is not known. */
  seenAgoMs(address: string): number {
    const peer = this.peers.get(address);
    return peer === undefined ? 0 : this.clock.nowMs() - peer.seenAtMs;
  }

  /** Silos that died without leaving, of late. */
  lost(): readonly LostSilo[] {
    return this.losses.list();
  }

  isDead(address: string): boolean {
    return this.dead.has(address);
  }

  /** Takes in a row; rows may come late, twice, and from reads that lag behind. */
  saw(address: string, value: Uint8Array, revision: number): RowNews {
    if (isTombstone(value)) return this.bury(address) ? 'death' : 'old';
    const known = this.peers.get(address);
    if (this.dead.has(address) || (known !== undefined && revision <= known.revision)) return 'old';
    let row;
    try {
      row = decodeMemberRow(address, value);
    } catch {
      return 'invalid';
    }
    if (row.clusterEpoch !== this.clusterEpoch)
      return row.clusterEpoch < this.clusterEpoch ? 'older-epoch' : 'newer-epoch';
    const member: Member = { ...row.record, address, suspect: false };
    this.peers.set(address, { member, revision, seenAtMs: this.clock.nowMs() });
    this.losses.isBack(member.siloId);
    return 'beat';
  }

  /** @returns whether that changed anything. */
  suspect(address: string): boolean {
    const peer = this.peers.get(address);
    if (peer === undefined || peer.member.suspect) return false;
    peer.member = { ...peer.member, suspect: true };
    return true;
  }

  /** It is no other silo after all. */
  forget(address: string): void {
    this.peers.delete(address);
  }

  /** @returns whether it was not known to be dead. */
  bury(address: string): boolean {
    const peer = this.peers.get(address);
    this.peers.delete(address);
    if (this.dead.has(address)) return false;
    if (peer !== undefined && peer.member.state !== 'draining' && !this.isThere(peer.member.siloId))
      this.losses.died(peer.member, peer.seenAtMs);
    this.dead.add(address);
    if (this.dead.size > MAX_DEAD_REMEMBERED) {
      for (const oldest of this.dead) {
        this.dead.delete(oldest);
        break;
      }
    }
    return true;
  }

  private isThere(siloId: string): boolean {
    for (const { member } of this.peers.values()) if (member.siloId === siloId) return true;
    return false;
  }

  /** Addresses without a beat for longer than that. */
  unseenFor(durationMs: number): string[] {
    const sinceMs = this.clock.nowMs() - durationMs;
    return [...this.peers].filter(([, { seenAtMs }]) => seenAtMs < sinceMs).map(([address]) => address);
  }

  /** Every lease starts anew: nobody could have been heard. */
  restartLeases(): void {
    const nowMs = this.clock.nowMs();
    for (const peer of this.peers.values()) peer.seenAtMs = nowMs;
  }
}
