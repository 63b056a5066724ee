import type { DatasetColumns } from '@gpu-bridge/abstractions';
import type { Csr } from '../graph/csr.js';
import { HASHED, LANES, SLOTS, sharedMiddles } from '../kernels/shared-middles.js';
import type { ResidentColumns } from '../resident-columns.js';

/** A start with at most so many paths has its ends hashed: the table then stays half empty. */
const MOST_HASHED_PATHS = SLOTS / 2;
/** Tasks of one launch. */
const TASKS = 1 << 18;
const TOTALS = [1, 2, 3, 5, 10];

/** Pairs of nodes by the nodes in the middle that they share; see the kernel `sharedMiddles`. */
export interface SharedMiddles {
  /** Pairs with at least 1, 2, 3, 5 and 10 middles. */
  readonly pairsWithAtLeast: ReadonlyMap<number, bigint>;
  /** Sum of C(middles, 2) over all pairs. */
  readonly couples: bigint;
  /** By start: the most middles that it shares with one end; 0 where it has no path of two steps. */
  readonly most: Uint32Array;
  /** By start: the lowest end with so many; unspecified where there is none. */
  readonly end: Uint32Array;
}

/**
 * @param names - the resident columns of `graph`.
 * @param onProgress - told the starts that are done.
 */
export async function countSharedMiddles<C extends DatasetColumns>(
  columns: ResidentColumns<C>,
  names: { readonly row: keyof C & string; readonly col: keyof C & string },
  graph: Csr,
  isLowerOnly: boolean,
  onProgress: (starts: number) => void,
): Promise<SharedMiddles> {
  const nodes = graph.row.length - 1;
  const totals = Array.from({ length: TOTALS.length + 1 }, () => 0n);
  const best = new BigUint64Array(nodes);
  for (const { start, firstEnd } of launchesOf(graph, isLowerOnly)) {
    const counted = await columns.compute(
      sharedMiddles,
      { start, firstEnd, isLowerOnly },
      { bind: names, globalSize: [start.length * LANES], sizes: { totals: totals.length, best: nodes } },
    );
    for (let i = 0; i < totals.length; i++) totals[i]! += counted.totals.bigintAt(i);
    const found = counted.best.array;
    for (let v = start[0]!; v <= start.at(-1)!; v++) if (found[v]! > best[v]!) best[v] = found[v]!;
    onProgress(start.at(-1)! + 1);
  }
  const words = new Uint32Array(best.buffer);
  return {
    pairsWithAtLeast: new Map(TOTALS.map((middles, i) => [middles, totals[i]!])),
    couples: totals[TOTALS.length]!,
    most: Uint32Array.from({ length: nodes }, (_, v) => words[2 * v + 1]!),
    end: Uint32Array.from({ length: nodes }, (_, v) => ~words[2 * v]!),
  };
}

/** Of nodes without edges. */
export function noSharedMiddles(nodes: number): SharedMiddles {
  const none = new Uint32Array(nodes);
  return { pairsWithAtLeast: new Map(TOTALS.map((middles) => [middles, 0n])), couples: 0n, most: none, end: none };
}

interface Tasks {
  readonly start: Uint32Array;
  /** `HASHED`, or the first of the ends that the task counts. */
  readonly firstEnd: Uint32Array;
}

/** The tasks of every start that has paths, in rising order, as many at a time as a launch takes. */
function* launchesOf(graph: Csr, isLowerOnly: boolean): Generator<Tasks> {
  const nodes = graph.row.length - 1;
  const start = new Uint32Array(TASKS);
  const firstEnd = new Uint32Array(TASKS);
  let count = 0;
  for (let u = 0; u < nodes; u++) {
    const paths = pathsFrom(graph, u, isLowerOnly);
    if (paths === 0) continue;
    const ends = isLowerOnly ? u : nodes;
    const isHashed = ends > SLOTS && paths <= MOST_HASHED_PATHS;
    for (let first = 0; first < ends; first += SLOTS) {
      start[count] = u;
      firstEnd[count] = isHashed ? HASHED : first;
      if (++count === TASKS) {
        yield { start, firstEnd };
        count = 0;
      }
      if (isHashed) break;
    }
  }
  if (count > 0) yield { start: start.slice(0, count), firstEnd: firstEnd.slice(0, count) };
}

/** Paths of two steps, ends above the start among them. */
function pathsFrom({ row, col }: Csr, u: number, isLowerOnly: boolean): number {
  let paths = 0;
  for (let e = row[u]!; e < row[u + 1]!; e++) {
    const middle = col[e]!;
    if (isLowerOnly && middle > u) break;
    paths += row[middle + 1]! - row[middle]!;
  }
  return paths;
}
