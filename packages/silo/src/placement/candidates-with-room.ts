import type { PlacementContext, SiloCandidate } from '@gpu-bridge/abstractions';

/** Those that take another placed call; all of them when none does, since a silo itself says best when to ask again. */
export function withRoom(candidates: readonly SiloCandidate[]): readonly SiloCandidate[] {
  const open = candidates.filter(({ placedCalls, placedCallLimit }) => placedCalls < placedCallLimit);
  return open.length > 0 ? open : candidates;
}

/** @param candidates - not empty. */
export function randomOf(candidates: readonly SiloCandidate[], context: PlacementContext): SiloCandidate {
  return candidates[Math.min(candidates.length - 1, Math.floor(context.random() * candidates.length))]!;
}
