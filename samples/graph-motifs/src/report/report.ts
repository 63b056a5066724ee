import { createHash } from 'node:crypto';
import type { DegreeCounts } from '../counts/degree-counts.js';
import type { MotifCounts } from '../counts/count-motifs.js';
import type { TemporalFans } from '../counts/fan-counts.js';
import type { SharedMiddles } from '../counts/middle-counts.js';
import { idOf } from '../graph/graph.js';
import type { Graph } from '../graph/graph.js';
import type { EdgeListFormat } from '../input/edge-list.js';

/** A count as JSON has it: a number while that is exact, beyond it a string of digits. */
type JsonCount = number | string;

interface DegreeReport {
  readonly max: number;
  readonly nodes_with_degree_ge: Readonly<Record<string, JsonCount>>;
  readonly stars_k2: JsonCount;
  readonly stars_k3: JsonCount;
}

interface FanReport {
  readonly definition: string;
  readonly nodes_with_ge: Readonly<Record<string, number>>;
  readonly max: number;
  readonly node_of_max: number | null;
  readonly sum_of_maxima: number;
}

/** Counts by the names and in the nesting of published answers; see the README. */
export interface MotifReport {
  readonly name: string;
  readonly format: EdgeListFormat;
  readonly rows_in_file: number;
  readonly nodes: number;
  readonly min_id: number | null;
  readonly max_id: number | null;
  readonly self_loops_in_file: number;
  readonly undirected_simple: {
    readonly edges: number;
    readonly triangles: JsonCount;
    readonly four_cycles: JsonCount;
    readonly wedges: JsonCount;
    readonly degree: DegreeReport;
    readonly nodes_in_a_triangle: number;
    readonly max_triangles_at_a_node: JsonCount;
    readonly per_node_triangles_sha256: string;
  };
  readonly directed_simple?: {
    readonly arcs: number;
    readonly reciprocal_pairs_2cycles: JsonCount;
    readonly directed_3_cycles: JsonCount;
    readonly out_degree: DegreeReport;
    readonly in_degree: DegreeReport;
    readonly split_merge: {
      readonly definition: string;
      readonly pairs_with_k_ge: Readonly<Record<string, JsonCount>>;
      readonly 'diamonds_sum_C(k,2)': JsonCount;
      readonly max_k: number;
    };
    readonly temporal_fan_out_7d?: FanReport;
    readonly temporal_fan_in_7d?: FanReport;
  };
}

const SPLIT_MERGE = 'ordered pairs (u,w), u!=w, by the number k of middle nodes m with arcs u->m and m->w';
const FAN =
  'per node, the largest number of distinct counterparts in any closed window [t, t+7*86400 s]; self-loops left out';
const FAN_THRESHOLDS = [2, 3, 5, 10, 20, 50];

export function motifReport(name: string, graph: Graph, counts: MotifCounts): MotifReport {
  const { trianglesByNode, degree, fourCycles, directed, fans } = counts;
  const { ids } = graph;
  return {
    name,
    format: graph.format,
    rows_in_file: graph.rows,
    nodes: ids.length,
    min_id: ids[0] ?? null,
    max_id: ids.at(-1) ?? null,
    self_loops_in_file: graph.selfLoops,
    undirected_simple: {
      edges: graph.neighbours.col.length / 2,
      triangles: jsonCount(counts.triangles),
      four_cycles: jsonCount(fourCycles.couples),
      wedges: jsonCount(degree.stars2),
      degree: degreeReport(degree),
      nodes_in_a_triangle: trianglesByNode.perNode.reduce((nodes, count) => nodes + (count > 0n ? 1 : 0), 0),
      max_triangles_at_a_node: jsonCount(trianglesByNode.perNode.reduce((a, b) => (a > b ? a : b), 0n)),
      per_node_triangles_sha256: perNodeDigest(graph, trianglesByNode.perNode),
    },
    ...(directed && {
      directed_simple: {
        arcs: graph.arcs!.out.col.length,
        reciprocal_pairs_2cycles: jsonCount(directed.cycles.cyclesOf2),
        directed_3_cycles: jsonCount(directed.cycles.cyclesOf3),
        out_degree: degreeReport(directed.outDegree),
        in_degree: degreeReport(directed.inDegree),
        split_merge: splitMergeReport(directed.splitMerge),
        ...(fans && {
          temporal_fan_out_7d: fanReport(graph, fans.out),
          temporal_fan_in_7d: fanReport(graph, fans.in),
        }),
      },
    }),
  };
}

function jsonCount(count: bigint): JsonCount {
  return count <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(count) : count.toString();
}

function byThreshold(counts: ReadonlyMap<number, bigint>): Record<string, JsonCount> {
  return Object.fromEntries([...counts].map(([threshold, count]) => [threshold, jsonCount(count)]));
}

function degreeReport({ max, nodesWithDegreeAtLeast, stars2, stars3 }: DegreeCounts): DegreeReport {
  return {
    max,
    nodes_with_degree_ge: byThreshold(nodesWithDegreeAtLeast),
    stars_k2: jsonCount(stars2),
    stars_k3: jsonCount(stars3),
  };
}

function splitMergeReport({ pairsWithAtLeast, couples, most }: SharedMiddles) {
  return {
    definition: SPLIT_MERGE,
    pairs_with_k_ge: byThreshold(pairsWithAtLeast),
    'diamonds_sum_C(k,2)': jsonCount(couples),
    max_k: largestOf(most),
  };
}

function fanReport(graph: Graph, { widest }: TemporalFans): FanReport {
  const max = largestOf(widest);
  let nodeOfMax = Infinity;
  widest.forEach((width, rank) => {
    if (width === max) nodeOfMax = Math.min(nodeOfMax, idOf(graph, rank));
  });
  return {
    definition: FAN,
    nodes_with_ge: Object.fromEntries(
      FAN_THRESHOLDS.map((threshold) => [threshold, widest.filter((width) => width >= threshold).length]),
    ),
    max,
    node_of_max: max === 0 ? null : nodeOfMax,
    sum_of_maxima: widest.reduce((sum, width) => sum + width, 0),
  };
}

function largestOf(values: Uint32Array): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

/** SHA-256 of lines `id,count`, ids rising. */
function perNodeDigest({ indexOfRank, ids }: Graph, perNode: BigUint64Array): string {
  const byIndex = new BigUint64Array(ids.length);
  perNode.forEach((count, rank) => (byIndex[indexOfRank[rank]!] = count));
  const digest = createHash('sha256');
  ids.forEach((id, index) => digest.update(`${id},${byIndex[index]}\n`));
  return digest.digest('hex');
}
