import type { MotifCounts } from '../counts/count-motifs.js';
import { FAN_WINDOW_US } from '../counts/count-motifs.js';
import type { TemporalFans } from '../counts/fan-counts.js';
import type { SharedMiddles } from '../counts/middle-counts.js';
import { upperPart } from '../graph/csr.js';
import type { Csr } from '../graph/csr.js';
import { idOf } from '../graph/graph.js';
import type { Graph } from '../graph/graph.js';
import type { TemporalRows } from '../graph/temporal.js';
import { NONE } from '../kernels/none.js';

/** Nodes in the middle that are named of one split or of one fan; all of them are counted. */
const NAMED_MIDDLES = 16;

interface Hub {
  readonly node: number;
  readonly degree: number;
}

interface Split {
  readonly from: number;
  readonly to: number;
  readonly k: number;
  /** The first ones, at most 16. */
  readonly middles: readonly number[];
}

interface Fan {
  readonly node: number;
  readonly counterparts: number;
  /** The first ones of the window, at most 16. */
  readonly named: readonly number[];
  /** Beginning of the window, in seconds as in the file. */
  readonly begins: number;
}

/**
 * Which nodes, by the file's ids. Triangles and cycles of two and three: the first ones in the order of ranks, one at an edge.
 * The others: those with the most, of as many the first. At most as many of each as were asked for; the same on every device.
 */
export interface Witnesses {
  readonly triangles: readonly (readonly number[])[];
  /** Nodes in the order of the cycle; its first and third share the most nodes below the first. */
  readonly four_cycles: readonly (readonly number[])[];
  readonly hubs: readonly Hub[];
  readonly directed_2_cycles?: readonly (readonly number[])[];
  /** In the direction of the arcs. */
  readonly directed_3_cycles?: readonly (readonly number[])[];
  readonly out_hubs?: readonly Hub[];
  readonly in_hubs?: readonly Hub[];
  readonly split_merge?: readonly Split[];
  readonly temporal_fan_out_7d?: readonly Fan[];
  readonly temporal_fan_in_7d?: readonly Fan[];
}

/** @param limit - of each motif; a whole number, 0 names none. */
export function motifWitnesses(graph: Graph, counts: MotifCounts, limit: number): Witnesses {
  const { neighbours, arcs, events } = graph;
  const { directed, fans } = counts;
  const id = (rank: number): number => idOf(graph, rank);
  const ids = (ranks: readonly number[]): number[] => ranks.map(id);
  const edges = upperPart(neighbours);
  const fourCycles = topBy(counts.fourCycles.most, limit, 2).map((u) => {
    const w = counts.fourCycles.end[u]!;
    const [first, second] = middlesOf(neighbours, neighbours, u, w, 2);
    return ids([u, first!, w, second!]);
  });
  return {
    triangles: firstElements(edges, counts.trianglesByNode.third, NONE, limit).map(ids),
    four_cycles: fourCycles,
    hubs: hubs(neighbours, limit, id),
    ...(directed &&
      arcs && {
        directed_2_cycles: firstElements(arcs.out, directed.cycles.mutual, 0, limit).map(([u, v]) => ids([u, v])),
        directed_3_cycles: firstElements(arcs.out, directed.cycles.third, NONE, limit).map(ids),
        out_hubs: hubs(arcs.out, limit, id),
        in_hubs: hubs(arcs.in, limit, id),
        split_merge: splits(arcs, directed.splitMerge, limit, id),
      }),
    ...(fans &&
      events && {
        temporal_fan_out_7d: widestFans(events.out, fans.out, limit, id),
        temporal_fan_in_7d: widestFans(events.in, fans.in, limit, id),
      }),
  };
}

/** The first elements of rows whose value is not `none`: row, column, value. */
function firstElements(
  { row, col }: Csr,
  values: Uint32Array,
  none: number,
  limit: number,
): (readonly [row: number, column: number, value: number])[] {
  const found: (readonly [number, number, number])[] = [];
  for (let v = 0; v + 1 < row.length; v++) {
    for (let e = row[v]!; e < row[v + 1]!; e++) {
      if (found.length >= limit) return found;
      if (values[e] !== none) found.push([v, col[e]!, values[e]!]);
    }
  }
  return found;
}

/** Indexes of the largest values that are at least `least`; of equal ones, those of lower indexes first. */
function topBy(values: Uint32Array, limit: number, least: number): number[] {
  const candidates = [...values.keys()].filter((i) => values[i]! >= least);
  return candidates.sort((a, b) => values[b]! - values[a]! || a - b).slice(0, limit);
}

function hubs({ row }: Csr, limit: number, id: (rank: number) => number): Hub[] {
  const degree = Uint32Array.from({ length: row.length - 1 }, (_, v) => row[v + 1]! - row[v]!);
  return topBy(degree, limit, 1).map((v) => ({ node: id(v), degree: degree[v]! }));
}

function splits(
  { out, in: into }: NonNullable<Graph['arcs']>,
  { most, end }: SharedMiddles,
  limit: number,
  id: (rank: number) => number,
): Split[] {
  return topBy(most, limit, 1).map((u) => {
    const w = end[u]!;
    return { from: id(u), to: id(w), k: most[u]!, middles: middlesOf(out, into, u, w, NAMED_MIDDLES).map(id) };
  });
}

/** The lowest nodes `m` with `u → m` in `out` and `m → w`, which is `w → m` in `into`. */
function middlesOf(out: Csr, into: Csr, u: number, w: number, limit: number): number[] {
  const before = new Set(into.col.subarray(into.row[w], into.row[w + 1]));
  const middles: number[] = [];
  for (let e = out.row[u]!; e < out.row[u + 1]! && middles.length < limit; e++) {
    if (before.has(out.col[e]!)) middles.push(out.col[e]!);
  }
  return middles;
}

function widestFans(
  { row, counterpart, timeUs }: TemporalRows,
  { widest, firstEvent }: TemporalFans,
  limit: number,
  id: (rank: number) => number,
): Fan[] {
  return topBy(widest, limit, 1).map((v) => {
    const first = firstEvent[v]!;
    const named = new Set<number>();
    for (let event = first; event < row[v + 1]! && named.size < NAMED_MIDDLES; event++) {
      if (timeUs[event]! > timeUs[first]! + FAN_WINDOW_US) break;
      named.add(counterpart[event]!);
    }
    return { node: id(v), counterparts: widest[v]!, named: [...named].map(id), begins: timeUs[first]! / 1e6 };
  });
}
