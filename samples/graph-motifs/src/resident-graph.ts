import type { DatasetColumns, DatasetData, GrainFactory } from '@gpu-bridge/abstractions';
import { getResidentGrain } from '@gpu-bridge/grains';
import type { ResidentDefinition } from '@gpu-bridge/grains';
import type { GpuBridgeHostOptions } from '@gpu-bridge/hosting';
import { i64, u32, u64 } from '@gpu-bridge/kernels';
import { rowsOf, upperPart } from './graph/csr.js';
import { denseRows } from './graph/dense-rows.js';
import type { Graph } from './graph/graph.js';
import type { TemporalRows } from './graph/temporal.js';
import { GraphError } from './input/errors.js';
import { motifKernels } from './kernels/motif-kernels.js';
import { grainColumns } from './resident-columns.js';
import type { ComputePlace, ResidentColumns } from './resident-columns.js';

/** Types of resident grains; a key is the name of a graph. */
const types = {
  /** Both directions of every edge. */
  neighbours: { type: 'graph-neighbours', columns: { row: u32, col: u32 }, kernels: motifKernels },
  /** Every edge at its lower end, with rows of bits; see `DenseRows`. */
  edges: {
    type: 'graph-edges',
    columns: { row: u32, col: u32, source: u32, bitsAt: u32, coreStart: u32, bits: u64 },
    kernels: motifKernels,
  },
  arcs: {
    type: 'graph-arcs',
    columns: { outRow: u32, outCol: u32, source: u32, inRow: u32, inCol: u32 },
    kernels: motifKernels,
  },
  /** See `TemporalRows`; times in µs. */
  eventsOut: {
    type: 'graph-events-out',
    columns: { row: u32, node: u32, time: i64, previous: u32 },
    kernels: motifKernels,
  },
  eventsIn: {
    type: 'graph-events-in',
    columns: { row: u32, node: u32, time: i64, previous: u32 },
    kernels: motifKernels,
  },
} satisfies Record<string, ResidentDefinition>;

type ColumnsOf<K extends keyof typeof types> = ResidentColumns<(typeof types)[K]['columns']>;

/** The grains that keep graphs, for the option `residents` of a silo; it also needs the kernels, `motifKernels`. */
export const graphResidents: NonNullable<GpuBridgeHostOptions['residents']> = Object.values(types);

/** A graph whose columns are on a device, where kernels read them in place. */
export interface ResidentGraph {
  readonly graph: Graph;
  readonly neighbours: ColumnsOf<'neighbours'>;
  readonly edges: ColumnsOf<'edges'>;
  /** Undefined where rows have no direction. */
  readonly arcs: ColumnsOf<'arcs'> | undefined;
  /** Undefined where rows have no time. */
  readonly events: { readonly out: ColumnsOf<'eventsOut'>; readonly in: ColumnsOf<'eventsIn'> } | undefined;
}

/**
 * Publishes the columns of a graph as a new epoch of the resident grains of its name, wherever in the cluster they are.
 *
 * @throws GraphError `INVALID_ARGUMENT` for a graph without edges, which has nothing to keep; what publishing throws.
 */
export async function keepGraph(
  grains: GrainFactory,
  name: string,
  graph: Graph,
  place: ComputePlace = {},
): Promise<ResidentGraph> {
  if (graph.neighbours.col.length === 0) {
    throw new GraphError('INVALID_ARGUMENT', undefined, 'the graph has no edges; expected at least one');
  }
  const keep = async <C extends DatasetColumns>(definition: ResidentDefinition<C>, data: DatasetData<C>) => {
    const grain = getResidentGrain(grains, definition, name);
    return grainColumns(grain, await grain.publish(data), place);
  };
  const eventColumns = ({ row, node, timeUs, previous }: TemporalRows) => ({ row, node, time: timeUs, previous });
  const { neighbours, arcs, events } = graph;
  return {
    graph,
    neighbours: await keep(types.neighbours, neighbours),
    edges: await keep(types.edges, edgeColumns(graph)),
    arcs:
      arcs &&
      (await keep(types.arcs, {
        ...{ outRow: arcs.out.row, outCol: arcs.out.col, source: rowsOf(arcs.out) },
        ...{ inRow: arcs.in.row, inCol: arcs.in.col },
      })),
    events: events && {
      out: await keep(types.eventsOut, eventColumns(events.out)),
      in: await keep(types.eventsIn, eventColumns(events.in)),
    },
  };
}

/** What triangles are counted over, as it is published. */
export function edgeColumns({ neighbours }: Graph) {
  const upper = upperPart(neighbours);
  return { ...upper, source: rowsOf(upper), ...denseRows(upper) };
}
