import type { SiloCandidate } from '@gpu-bridge/abstractions';
import type { Member } from '../membership/member-record.js';
import type { Membership } from '../membership/membership.js';
import type { PlacedCalls } from './placed-calls.js';
import { RemoteCandidate } from './silo-candidates.js';
import type { LocalCandidate } from './silo-candidates.js';

/** The silos there are, the own one included. */
export type LiveMembers = Pick<Membership, 'address' | 'members'>;

/** The silos that may host a grain type. */
export interface TypeCandidates {
  /** Ordered by `siloId`; may be empty. */
  readonly candidates: readonly SiloCandidate[];
  addressOf(siloId: string): string | undefined;
}

/** Candidates by grain type, made when first asked for after each change of the members. */
export class ClusterCandidates {
  private seen: readonly Member[] = [];
  /** By address. */
  private remotes = new Map<string, RemoteCandidate>();
  private readonly byType = new Map<string, TypeCandidates>();

  constructor(
    private readonly members: LiveMembers,
    private readonly local: LocalCandidate,
    private readonly placed: PlacedCalls,
  ) {}

  of(type: string): TypeCandidates {
    const members = this.members.members();
    if (members !== this.seen) this.refresh(members);
    let found = this.byType.get(type);
    if (found === undefined) {
      found = this.select(type);
      this.byType.set(type, found);
    }
    return found;
  }

  /** Grain types that anyone hosts. */
  types(): readonly string[] {
    return [...new Set(this.members.members().flatMap(({ grainTypes }) => grainTypes))].sort();
  }

  private refresh(members: readonly Member[]): void {
    this.seen = members;
    this.byType.clear();
    const remotes = new Map<string, RemoteCandidate>();
    for (const member of members) {
      const before = this.remotes.get(member.address);
      // A member that has said nothing new keeps its candidate, and with it what was placed there since it spoke.
      remotes.set(
        member.address,
        before?.saysSameAs(member) === true ? before : new RemoteCandidate(member, this.placed),
      );
    }
    this.remotes = remotes;
  }

  private select(type: string): TypeCandidates {
    const all = this.seen.filter(({ state, grainTypes }) => state === 'active' && grainTypes.includes(type));
    const trusted = all.filter(({ suspect }) => !suspect);
    const chosen = trusted.length > 0 ? trusted : all;
    const own = this.members.address;
    const addresses = new Map(chosen.map(({ siloId, address }) => [siloId, address]));
    return {
      candidates: chosen.map(({ address }) => (address === own ? this.local : this.remotes.get(address)!)),
      addressOf: (siloId) => addresses.get(siloId),
    };
  }
}
