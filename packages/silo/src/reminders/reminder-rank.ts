import type { GrainId } from '@gpu-bridge/abstractions';
import type { Member } from '../membership/member-record.js';

/**
 * Which silo a reminder belongs to, as far as a silo can tell from the members it sees: 0 for its own, 1 for the one that
 * steps in when that one does nothing, and so on. Infinite where the grain's type is not hosted. Rendezvous hashing, so that
 * few reminders change hands when a silo comes or goes.
 */
export function reminderRank(key: string, grain: GrainId, members: readonly Member[], address: string): number {
  const own = members.find((member) => member.address === address);
  if (own === undefined || !canServe(own, grain)) return Number.POSITIVE_INFINITY;
  const ownScore = score(key, address);
  return members.filter((member) => canServe(member, grain) && score(key, member.address) > ownScore).length;
}

/** Changes whenever a rank may have changed. */
export function ranking(members: readonly Member[]): string {
  return JSON.stringify(
    members.map(({ address, state, suspect, grainTypes }) => [address, state, suspect, grainTypes]),
  );
}

function canServe(member: Member, { type }: GrainId): boolean {
  return member.state === 'active' && !member.suspect && member.grainTypes.includes(type);
}

/** FNV-1a, mixed once more: it alone differs little for texts that differ at their end. */
function score(key: string, address: string): number {
  let hash = 0x811c9dc5;
  for (const text of [address, key]) {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
