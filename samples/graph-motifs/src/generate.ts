import { EdgeListBuilder } from './input/edge-list.js';
import type { EdgeList } from './input/edge-list.js';
import { GraphError } from './input/errors.js';

/** What R-MAT graphs are usually made with. */
const QUADRANTS = { first: 0.57, second: 0.76, third: 0.95 };

/**
 * A directed R-MAT graph (Chakrabarti, Zhan and Faloutsos, 2004) of ids below `2 ** scale`, with probabilities of 0.57, 0.19,
 * 0.19 and 0.05: few hubs with many neighbours, and many nodes with few. Loops and repeats stay in; the same seed gives the
 * same graph.
 *
 * @param scale - 1 … 30. @param arcs - rows to draw.
 * @throws GraphError `INVALID_ARGUMENT`.
 */
export function generateRmat(scale: number, arcs: number, seed: number): EdgeList {
  if (!Number.isInteger(scale) || scale < 1 || scale > 30) {
    throw new GraphError('INVALID_ARGUMENT', undefined, `scale is ${scale}; expected a whole number of 1 to 30`);
  }
  const random = randomNumbers(seed);
  const rows = new EdgeListBuilder('snap', true);
  for (let i = 0; i < arcs; i++) {
    let source = 0;
    let target = 0;
    for (let level = 0; level < scale; level++) {
      const r = random();
      source = 2 * source + (r < QUADRANTS.second ? 0 : 1);
      target = 2 * target + (r < QUADRANTS.first || (r >= QUADRANTS.second && r < QUADRANTS.third) ? 0 : 1);
    }
    rows.add(source, target, i + 1);
  }
  return rows.build();
}

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
