import type { DatasetColumns, DatasetData, DatasetLease, DatasetStore, GpuBridge } from '@gpu-bridge/abstractions';
import { i64, u32, u64 } from '@gpu-bridge/kernels';
import { rowsOf, upperPart } from './graph/csr.js';
import { denseRows } from './graph/dense-rows.js';
import type { Graph } from './graph/graph.js';
import type { TemporalRows } from './graph/temporal.js';
import { GraphError } from './input/errors.js';
import { leasedColumns } from './resident-columns.js';
import type { ResidentColumns } from './resident-columns.js';

/** Both directions of every edge. */
const NEIGHBOURS = { row: u32, col: u32 };
/** Every edge at its lower end, with rows of bits; see `DenseRows`. */
const EDGES = { row: u32, col: u32, source: u32, bitsAt: u32, coreStart: u32, bits: u64 };
const ARCS = { outRow: u32, outCol: u32, source: u32, inRow: u32, inCol: u32 };
/** See `TemporalRows`; times in µs. */
const EVENTS = { row: u32, node: u32, time: i64, previous: u32 };

/** A graph whose columns are on one device, where kernels read them in place. Dispose of it to let it go. */
export interface ResidentGraph extends Disposable {
  readonly graph: Graph;
  readonly sizeBytes: number;
  readonly neighbours: ResidentColumns<typeof NEIGHBOURS>;
  readonly edges: ResidentColumns<typeof EDGES>;
  /** Undefined where rows have no direction. */
  readonly arcs: ResidentColumns<typeof ARCS> | undefined;
  /** Undefined where rows have no time. */
  readonly events: ResidentEvents | undefined;
}

interface ResidentEvents {
  readonly out: ResidentColumns<typeof EVENTS>;
  readonly in: ResidentColumns<typeof EVENTS>;
}

/** Where a graph is kept. */
export interface GraphPlace {
  readonly bridge: GpuBridge;
  readonly store: DatasetStore;
  /** Id of the device. */
  readonly device: string;
  /** Aborting it gives up what is computed. */
  readonly signal?: AbortSignal;
}

/**
 * Publishes the columns of a graph as datasets on a device, in an epoch that they keep, and holds them there.
 *
 * @param name - begins the ids of the datasets; a silo keeps one graph of a name at a time.
 * @throws GraphError `INVALID_ARGUMENT` for a graph without edges, which has nothing to keep; what the store throws.
 */
export async function keepGraph(
  { bridge, store, device, signal }: GraphPlace,
  name: string,
  graph: Graph,
): Promise<ResidentGraph> {
  if (graph.neighbours.col.length === 0) {
    throw new GraphError('INVALID_ARGUMENT', undefined, 'the graph has no edges; expected at least one');
  }
  const leases: DatasetLease[] = [];
  const letGo = (): void => {
    for (const lease of leases.splice(0)) {
      lease.release();
      store.drop(lease.id, lease.epoch);
    }
  };
  const keep = async <C extends DatasetColumns>(part: string, columns: C, data: DatasetData<C>) => {
    const dataset = { id: `${name}/${part}`, columns };
    store.define(dataset);
    const { epoch } = await store.publish(dataset, EPOCH, data, { device });
    const lease = await store.open(dataset, { epoch, device });
    leases.push(lease);
    return leasedColumns(bridge, lease, signal);
  };
  const keepEvents = (part: string, { row, node, timeUs, previous }: TemporalRows) =>
    keep(part, EVENTS, { row, node, time: timeUs, previous });
  const { neighbours, arcs, events } = graph;
  try {
    const kept = {
      neighbours: await keep('neighbours', NEIGHBOURS, neighbours),
      edges: await keep('edges', EDGES, edgeColumns(graph)),
      arcs:
        arcs &&
        (await keep('arcs', ARCS, {
          ...{ outRow: arcs.out.row, outCol: arcs.out.col, source: rowsOf(arcs.out) },
          ...{ inRow: arcs.in.row, inCol: arcs.in.col },
        })),
      events: events && {
        out: await keepEvents('events-out', events.out),
        in: await keepEvents('events-in', events.in),
      },
    };
    const sizeBytes = leases.reduce((sum, lease) => sum + lease.sizeBytes, 0);
    return { graph, sizeBytes, ...kept, [Symbol.dispose]: letGo };
  } catch (error) {
    letGo();
    throw error;
  }
}

/** What triangles are counted over, as it is published. */
export function edgeColumns({ neighbours }: Graph) {
  const upper = upperPart(neighbours);
  return { ...upper, source: rowsOf(upper), ...denseRows(upper) };
}

/** A graph of a file does not change: there is one epoch. */
const EPOCH = 'read';
