/** A directed graph in compressed rows: the successors of `v` are `col[row[v] … row[v + 1]]`, ascending. */
export interface Graph {
  readonly row: Uint32Array;
  readonly col: Uint32Array;
}

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * An R-MAT graph of `2 ** scale` vertices with the usual probabilities (0.57, 0.19, 0.19, 0.05), without loops and
 * repeated edges. Every edge points from the end of smaller degree to the other, so that each triangle is found once
 * and no vertex has many successors.
 *
 * @param edges - edges drawn; about a fifth of them are repeated or loops.
 */
export function orientedRmat(scale: number, edges: number, seed: number): Graph {
  const random = randomNumbers(seed);
  const vertices = 2 ** scale;
  const distinct = new Set<number>();
  for (let e = 0; e < edges; e++) {
    let u = 0;
    let v = 0;
    for (let level = 0; level < scale; level++) {
      const r = random();
      u = 2 * u + (r < 0.76 ? 0 : 1);
      v = 2 * v + (r < 0.57 || (r >= 0.76 && r < 0.95) ? 0 : 1);
    }
    if (u !== v) distinct.add(Math.min(u, v) * vertices + Math.max(u, v));
  }
  const pairs = [...distinct].map((key) => [Math.floor(key / vertices), key % vertices] as const);
  const degree = new Uint32Array(vertices);
  for (const [u, v] of pairs) {
    degree[u]!++;
    degree[v]!++;
  }
  const isBefore = (u: number, v: number): boolean => degree[u]! < degree[v]! || (degree[u] === degree[v] && u < v);
  const successors = Array.from({ length: vertices }, (): number[] => []);
  for (const [u, v] of pairs) {
    if (isBefore(u, v)) successors[u]!.push(v);
    else successors[v]!.push(u);
  }
  const row = new Uint32Array(vertices + 1);
  successors.forEach((list, v) => (row[v + 1] = row[v]! + list.length));
  const col = Uint32Array.from(successors.flatMap((list) => list.sort((a, b) => a - b)));
  return { row, col };
}
