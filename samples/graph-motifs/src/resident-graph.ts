import type { DatasetColumns, DatasetData, DatasetDefinition, DatasetLease } from '@gpu-bridge/abstractions';
import { i64, u32, u64 } from '@gpu-bridge/kernels';
import { rowsOf, upperPart } from './graph/csr.js';
import { denseRows } from './graph/dense-rows.js';
import type { Graph } from './graph/graph.js';
import { GraphError } from './input/errors.js';

/** Both directions of every edge. */
const NEIGHBOURS = { row: u32, col: u32 };
/** Every edge at its lower end, with rows of bits; see `DenseRows`. */
const EDGES = { row: u32, col: u32, source: u32, bitsAt: u32, coreStart: u32, bits: u64 };
const ARCS = { outRow: u32, outCol: u32, source: u32, inRow: u32, inCol: u32 };
/** See `TemporalRows`; times in µs. */
const EVENTS = { row: u32, node: u32, time: i64, previous: u32 };

/** Keeps columns on a device. */
export interface GraphStore {
  keep<C extends DatasetColumns>(dataset: DatasetDefinition<C>, data: DatasetData<C>): Promise<DatasetLease<C>>;
}

/** A graph whose columns are on one device, where kernels read them in place. */
export interface ResidentGraph extends Disposable {
  readonly graph: Graph;
  readonly deviceId: string;
  readonly sizeBytes: number;
  readonly neighbours: DatasetData<typeof NEIGHBOURS>;
  readonly edges: DatasetData<typeof EDGES>;
  /** Undefined where rows have no direction. */
  readonly arcs: DatasetData<typeof ARCS> | undefined;
  /** Undefined where rows have no time. */
  readonly eventsOut: DatasetData<typeof EVENTS> | undefined;
  readonly eventsIn: DatasetData<typeof EVENTS> | undefined;
}

/**
 * Brings a graph to the device of a store; dispose of it to let it go.
 *
 * @param name - the datasets are called by it.
 * @throws GraphError `INVALID_ARGUMENT` for a graph without edges, which has nothing to keep; what the store throws.
 */
export async function keepGraph(store: GraphStore, name: string, graph: Graph): Promise<ResidentGraph> {
  if (graph.neighbours.col.length === 0) {
    throw new GraphError('INVALID_ARGUMENT', undefined, 'the graph has no edges; expected at least one');
  }
  const leases: DatasetLease[] = [];
  const release = (): void => leases.splice(0).forEach((lease) => lease.release());
  const keep = async <C extends DatasetColumns>(
    part: string,
    columns: C,
    data: DatasetData<C>,
  ): Promise<DatasetData<C>> => {
    const lease = await store.keep({ id: `${name}/${part}`, columns }, data);
    leases.push(lease);
    return lease.data;
  };
  const { neighbours, arcs, events } = graph;
  try {
    const upper = upperPart(neighbours);
    const kept = {
      neighbours: await keep('neighbours', NEIGHBOURS, neighbours),
      edges: await keep('edges', EDGES, { ...upper, source: rowsOf(upper), ...denseRows(upper) }),
      arcs:
        arcs &&
        (await keep('arcs', ARCS, {
          ...{ outRow: arcs.out.row, outCol: arcs.out.col, source: rowsOf(arcs.out) },
          ...{ inRow: arcs.in.row, inCol: arcs.in.col },
        })),
      eventsOut: events && (await keep('events-out', EVENTS, { ...events.out, time: events.out.timeUs })),
      eventsIn: events && (await keep('events-in', EVENTS, { ...events.in, time: events.in.timeUs })),
    };
    const sizeBytes = leases.reduce((sum, lease) => sum + lease.sizeBytes, 0);
    return { graph, deviceId: leases[0]!.deviceId, sizeBytes, ...kept, [Symbol.dispose]: release };
  } catch (error) {
    release();
    throw error;
  }
}
