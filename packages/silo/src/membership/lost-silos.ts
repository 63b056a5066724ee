import type { Clock, LostSilo } from '@gpu-bridge/abstractions';
import type { Member } from './member-record.js';

interface Loss {
  readonly member: Member;
  readonly seenAtMs: number;
  readonly diedAtMs: number;
}

const REMEMBERED_MS = 600_000;
const MOST_REMEMBERED = 256;

/** Silos that died rather than left, for as long as somebody may want to know; nothing but reports depends on it. */
export class LostSilos {
  /** By `siloId`, in the order in which they died. */
  private readonly losses = new Map<string, Loss>();

  constructor(private readonly clock: Clock) {}

  /** @param seenAtMs - its last sign of life, on the own clock. */
  died(member: Member, seenAtMs: number): void {
    this.losses.delete(member.siloId);
    this.losses.set(member.siloId, { member, seenAtMs, diedAtMs: this.clock.nowMs() });
    for (const oldest of this.losses.keys()) {
      if (this.losses.size <= MOST_REMEMBERED) break;
      this.losses.delete(oldest);
    }
  }

  isBack(siloId: string): void {
    this.losses.delete(siloId);
  }

  list(): readonly LostSilo[] {
    const nowMs = this.clock.nowMs();
    const lost: LostSilo[] = [];
    for (const [siloId, { member, seenAtMs, diedAtMs }] of this.losses) {
      const deadForMs = nowMs - diedAtMs;
      if (deadForMs > REMEMBERED_MS) this.losses.delete(siloId);
      else
        lost.push({ siloId, address: member.address, seenAgoMs: nowMs - seenAtMs, deadForMs, devices: member.devices });
    }
    return lost.sort((a, b) => (a.siloId < b.siloId ? -1 : 1));
  }
}
