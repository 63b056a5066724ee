import type { Clock, DeviceCapacity, SiloCandidate } from '@gpu-bridge/abstractions';
import type { Member } from '../membership/member-record.js';
import type { CapacityLedger } from './capacity-ledger.js';
import type { PlacedCalls } from './placed-calls.js';

/**
 * Longest age of figures of the own devices, ms. A snapshot of every device makes some hundred objects, too many for every
 * call; within a few milliseconds no device gains or loses much, and what this silo places meanwhile counts at once.
 */
const FIGURES_MAX_AGE_MS = 10;

/** What the own silo is asked for when a director looks. */
export interface LocalFigures {
  readonly siloId: string;
  readonly clock: Clock;
  readonly capacity: CapacityLedger;
  devices(): readonly DeviceCapacity[];
  activations(): number;
}

/** The own silo, as it is now; its devices as they were at most {@link FIGURES_MAX_AGE_MS} ago. */
export class LocalCandidate implements SiloCandidate {
  readonly isLocal = true;
  readonly siloId: string;
  private figures: readonly DeviceCapacity[] = [];
  private takenMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly local: LocalFigures) {
    this.siloId = local.siloId;
  }

  get devices(): readonly DeviceCapacity[] {
    const nowMs = this.local.clock.nowMs();
    if (nowMs - this.takenMs > FIGURES_MAX_AGE_MS) {
      this.figures = this.local.devices();
      this.takenMs = nowMs;
    }
    return this.figures;
  }

  get activations(): number {
    return this.local.activations();
  }

  get placedCalls(): number {
    return this.local.capacity.inUse;
  }

  get placedCallLimit(): number {
    return this.local.capacity.limit;
  }
}

/** Another silo, as it said last, and what this silo has done to it since. */
export class RemoteCandidate implements SiloCandidate {
  readonly isLocal = false;
  /** Own calls there when it said so: it has counted those. */
  private readonly ownThen: number;

  constructor(
    readonly member: Member,
    private readonly placed: PlacedCalls,
  ) {
    this.ownThen = placed.at(member.address);
  }

  get siloId(): string {
    return this.member.siloId;
  }

  get devices(): readonly DeviceCapacity[] {
    return this.member.devices;
  }

  get activations(): number {
    return this.member.activations;
  }

  get placedCalls(): number {
    const own = this.placed.at(this.member.address);
    return Math.max(own, this.member.placedCalls + own - this.ownThen);
  }

  get placedCallLimit(): number {
    return this.member.placedCallLimit;
  }

  /** Whether these are the words of the same beat; the list of devices is decoded anew with each. */
  saysSameAs({ devices, placedCalls, activations }: Member): boolean {
    const { member } = this;
    return member.devices === devices && member.placedCalls === placedCalls && member.activations === activations;
  }
}
