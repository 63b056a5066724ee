import type { EdgeList, EdgeListFormat } from '../input/edge-list.js';
import { groupBy, simpleCsr } from './csr.js';
import type { Csr } from './csr.js';
import { temporalRows } from './temporal.js';
import type { TemporalRows } from './temporal.js';

/**
 * A graph as the kernels read it. Nodes are numbered by rank: the more neighbours, the higher; of as many, by id. An edge
 * then points from its lower to its higher rank, no node has many neighbours above it, and those are at the end of its row.
 */
export interface Graph {
  readonly format: EdgeListFormat;
  readonly rows: number;
  readonly selfLoops: number;
  /** Ids of the file, ascending. */
  readonly ids: Uint32Array;
  /** Index in `ids` of each rank. */
  readonly indexOfRank: Uint32Array;
  /** Both directions of every edge, without loops and repeats. */
  readonly neighbours: Csr;
  /** Undefined where rows have no direction. */
  readonly arcs: DirectedGraph | undefined;
  /** Undefined where rows have no time. */
  readonly events: TemporalGraph | undefined;
}

export interface DirectedGraph {
  readonly out: Csr;
  readonly in: Csr;
}

interface TemporalGraph {
  readonly out: TemporalRows;
  readonly in: TemporalRows;
}

export function buildGraph(edges: EdgeList): Graph {
  const ids = distinctIds(edges);
  const nodes = ids.length;
  const indexes = { source: indexesOf(ids, edges.source), target: indexesOf(ids, edges.target) };
  const both = simpleCsr(nodes, joined(indexes.source, indexes.target), joined(indexes.target, indexes.source));
  const degree = Uint32Array.from({ length: nodes }, (_, v) => both.row[v + 1]! - both.row[v]!);
  const indexOfRank = groupBy(nodes, degree).order;
  const rankOfIndex = new Uint32Array(nodes);
  indexOfRank.forEach((index, rank) => (rankOfIndex[index] = rank));
  const source = indexes.source.map((index) => rankOfIndex[index]!);
  const target = indexes.target.map((index) => rankOfIndex[index]!);
  let selfLoops = 0;
  for (let i = 0; i < source.length; i++) if (source[i] === target[i]) selfLoops++;
  const { format, isDirected, timeUs } = edges;
  return {
    format,
    rows: source.length,
    selfLoops,
    ids,
    indexOfRank,
    neighbours: simpleCsr(nodes, joined(source, target), joined(target, source)),
    arcs: isDirected ? { out: simpleCsr(nodes, source, target), in: simpleCsr(nodes, target, source) } : undefined,
    events: timeUs && {
      out: temporalRows(nodes, source, target, timeUs),
      in: temporalRows(nodes, target, source, timeUs),
    },
  };
}

/** The file's id of a rank. */
export function idOf({ ids, indexOfRank }: Graph, rank: number): number {
  return ids[indexOfRank[rank]!]!;
}

function distinctIds({ source, target }: EdgeList): Uint32Array {
  const all = joined(source, target).sort();
  let count = 0;
  for (let i = 0; i < all.length; i++) if (i === 0 || all[i] !== all[i - 1]) all[count++] = all[i]!;
  return all.slice(0, count);
}

/** Where each id stands among the sorted ones. */
function indexesOf(sorted: Uint32Array, ids: Uint32Array): Uint32Array {
  return ids.map((id) => {
    let low = 0;
    let high = sorted.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sorted[middle]! < id) low = middle + 1;
      else high = middle;
    }
    return low;
  });
}

function joined(a: Uint32Array, b: Uint32Array): Uint32Array {
  const both = new Uint32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
