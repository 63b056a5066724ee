/**
 * The candidate that a key belongs to, of which every silo that sees the same candidates thinks alike: the one with the
 * highest hash of key and name (rendezvous hashing, Thaler and Ravishankar 1998). When a candidate goes, only its keys move;
 * when one comes, only those that it takes.
 *
 * @param candidates - not empty.
 */
export function rendezvous<T>(key: string, candidates: readonly T[], nameOf: (candidate: T) => string): T {
  const seed = fnv(FNV_BASIS, key);
  let chosen: T = candidates[0]!;
  let highest = -1;
  for (const candidate of candidates) {
    const hash = mixed(fnv(seed, nameOf(candidate)));
    if (hash > highest) {
      highest = hash;
      chosen = candidate;
    }
  }
  return chosen;
}

const FNV_BASIS = 0x811c9dc5;

/** FNV-1a over the UTF-16 units, 32 bits. */
function fnv(hash: number, text: string): number {
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

/** The finaliser of MurmurHash3: FNV alone leaves names that differ in their last character close together. */
function mixed(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
