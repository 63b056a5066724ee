import type { DirectedGraph } from '../graph/graph.js';
import { GraphError } from '../input/errors.js';
import type { ResidentGraph } from '../resident-graph.js';
import { countDirectedCycles } from './cycle-counts.js';
import type { DirectedCycles } from './cycle-counts.js';
import { countDegrees } from './degree-counts.js';
import type { DegreeCounts } from './degree-counts.js';
import { countTemporalFans } from './fan-counts.js';
import type { TemporalFans } from './fan-counts.js';
import { countSharedMiddles } from './middle-counts.js';
import type { SharedMiddles } from './middle-counts.js';
import { countTriangles, countTrianglesByNode } from './triangle-counts.js';
import type { TrianglesByNode } from './triangle-counts.js';

/** The window of temporal fans: seven days. */
export const FAN_WINDOW_US = 7 * 86_400 * 1e6;

/** Everything that is counted of a graph; nodes are named by rank. */
export interface MotifCounts {
  readonly triangles: bigint;
  readonly trianglesByNode: TrianglesByNode;
  readonly degree: DegreeCounts;
  /** Pairs of a node and a lower one with lower middles: `couples` are the cycles of four. */
  readonly fourCycles: SharedMiddles;
  /** Undefined where rows have no direction. */
  readonly directed: DirectedCounts | undefined;
  /** Undefined where rows have no time. */
  readonly fans: { readonly out: TemporalFans; readonly in: TemporalFans } | undefined;
}

interface DirectedCounts {
  readonly cycles: DirectedCycles;
  readonly outDegree: DegreeCounts;
  readonly inDegree: DegreeCounts;
  readonly splitMerge: SharedMiddles;
}

/** Told what is being counted, and what part of it is done: 0 first, then, where it takes several launches, up to 1. */
export type OnProgress = (step: string, done: number) => void;

/**
 * Counts every motif of a resident graph, one kernel after the other.
 *
 * @throws GraphError `COUNT_OVERFLOW` before anything runs; the error of the first job that fails.
 */
export async function countMotifs(
  resident: ResidentGraph,
  onProgress: OnProgress = () => undefined,
): Promise<MotifCounts> {
  const { graph } = resident;
  const nodes = graph.ids.length;
  requireCountable(graph.neighbours.row, graph.neighbours.col.length);
  const step = async <T>(name: string, work: (onStarts: (starts: number) => void) => Promise<T>): Promise<T> => {
    onProgress(name, 0);
    return work((starts) => onProgress(name, starts / nodes));
  };
  const rows = { row: 'row', col: 'col' } as const;
  return {
    triangles: await step('triangles', () => countTriangles(resident)),
    trianglesByNode: await step('triangles per node', () => countTrianglesByNode(resident)),
    degree: await step('degrees', () => countDegrees(resident.neighbours, 'row', nodes)),
    fourCycles: await step('4-cycles', (onStarts) =>
      countSharedMiddles(resident.neighbours, rows, graph.neighbours, true, onStarts),
    ),
    directed: resident.arcs && graph.arcs && (await countDirected(resident.arcs, graph.arcs, nodes, step)),
    fans: resident.events &&
      graph.events && {
        out: await step('temporal fans out', () =>
          countTemporalFans(resident.events!.out, graph.events!.out, FAN_WINDOW_US),
        ),
        in: await step('temporal fans in', () =>
          countTemporalFans(resident.events!.in, graph.events!.in, FAN_WINDOW_US),
        ),
      },
  };
}

type Step = <T>(name: string, work: (onStarts: (starts: number) => void) => Promise<T>) => Promise<T>;

async function countDirected(
  arcs: NonNullable<ResidentGraph['arcs']>,
  graph: DirectedGraph,
  nodes: number,
  step: Step,
): Promise<DirectedCounts> {
  const rows = { row: 'outRow', col: 'outCol' } as const;
  return {
    cycles: await step('directed cycles', () => countDirectedCycles(arcs, graph.out.col.length)),
    outDegree: await step('out-degrees', () => countDegrees(arcs, 'outRow', nodes)),
    inDegree: await step('in-degrees', () => countDegrees(arcs, 'inRow', nodes)),
    splitMerge: await step('splits and merges', (onStarts) =>
      countSharedMiddles(arcs, rows, graph.out, false, onStarts),
    ),
  };
}

/**
 * Every count is at most the number of (neighbour, neighbour, neighbour) triples of a node or of pairs of paths, so the
 * product below bounds them all.
 */
function requireCountable(row: Uint32Array, entries: number): void {
  let largest = 0;
  for (let v = 0; v + 1 < row.length; v++) largest = Math.max(largest, row[v + 1]! - row[v]!);
  if (entries * largest * largest < 2 ** 64) return;
  throw new GraphError(
    'COUNT_OVERFLOW',
    undefined,
    `a node has ${largest} neighbours among ${entries / 2} edges: counts may not fit in 64 bits`,
  );
}
