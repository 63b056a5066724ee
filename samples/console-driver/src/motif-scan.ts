import type { GrainFactory } from '@gpu-bridge/abstractions';
import { buildGraph, countGraph, motifReport, motifWitnesses } from '@gpu-bridge/sample-graph-motifs';
import type { EdgeList, Graph, MotifCounts } from '@gpu-bridge/sample-graph-motifs';
import { SUSPENSE_ACCOUNT } from '@gpu-bridge/sample-je-decomposition';
import type { FlowColumns, Journal } from '@gpu-bridge/sample-je-decomposition';
import type { ProgressDisplay } from './progress.js';

/** Motifs of the graph that flows make: accounts are its nodes, and an arc leads from one to another that it paid. */
export interface MotifScan {
  readonly accounts: number;
  readonly arcs: number;
  readonly triangles: number | string;
  readonly fourCycles: number | string;
  readonly cyclesOf2: number | string;
  readonly cyclesOf3: number | string;
  /** Pairs of accounts between which value is split and merged again, over two or more others. */
  readonly splitPairs: number | string;
  /** The pair with the most accounts between them; undefined without any. */
  readonly widestSplit: { readonly from: string; readonly to: string; readonly accounts: number } | undefined;
  /** Three accounts in a circle; undefined without any. */
  readonly cycle: readonly string[] | undefined;
  readonly elapsedMs: number;
}

/** What is counted of a directed graph, one after the other. */
const STEPS = 8;

/** Makes a graph of the flows, keeps it on a device as resident grains, and counts its motifs there. */
export async function scanMotifs(
  grainFactory: GrainFactory,
  { journal, flows }: { readonly journal: Journal; readonly flows: FlowColumns },
  display: ProgressDisplay,
  signal: AbortSignal,
): Promise<MotifScan> {
  const startMs = performance.now();
  display.begin('counting motifs', STEPS);
  try {
    const graph = buildGraph(arcsOf(journal, flows));
    let steps = 0;
    const counts = await countGraph(grainFactory, 'flows', graph, {
      onProgress: (_, done) => (done === 0 ? display.update(steps++) : undefined),
      signal,
    });
    return { ...scanOf(journal, graph, counts), elapsedMs: Math.round(performance.now() - startMs) };
  } finally {
    display.end();
  }
}

function scanOf(journal: Journal, graph: Graph, counts: MotifCounts): Omit<MotifScan, 'elapsedMs'> {
  const { nodes, undirected_simple: undirected, directed_simple: directed } = motifReport('flows', graph, counts);
  const { directed_3_cycles: [cycle] = [], split_merge: [split] = [] } = motifWitnesses(graph, counts, 1);
  const name = (account: number): string => journal.accounts[account] ?? SUSPENSE_ACCOUNT;
  return {
    accounts: nodes,
    arcs: directed!.arcs,
    triangles: undirected.triangles,
    fourCycles: undirected.four_cycles,
    cyclesOf2: directed!.reciprocal_pairs_2cycles,
    cyclesOf3: directed!.directed_3_cycles,
    splitPairs: directed!.split_merge.pairs_with_k_ge['2']!,
    widestSplit: split && { from: name(split.from), to: name(split.to), accounts: split.k },
    cycle: cycle?.map(name),
  };
}

/** Every pair of accounts with a flow from the one to the other, once; an id is an account's, or one more: suspense lines. */
function arcsOf({ accounts, account, offsets, subEntryCount }: Journal, flows: FlowColumns): EdgeList {
  // A user's own account of that name takes the residues in.
  const named = accounts.indexOf(SUSPENSE_ACCOUNT);
  const suspense = named >= 0 ? named : accounts.length;
  const names = accounts.length + 1;
  const arcs = new Set<number>();
  for (let s = 0; s < subEntryCount; s++) {
    const first = offsets[s]!;
    const end = offsets[s + 1]!;
    const idOf = (line: number): number => (first + line === end ? suspense : account[first + line]!);
    for (let f = flows.start[s]!; f < flows.start[s]! + flows.count[s]!; f++) {
      arcs.add(idOf(flows.fromLine[f]!) * names + idOf(flows.toLine[f]!));
    }
  }
  const keys = Float64Array.from(arcs);
  return {
    format: 'snap',
    isDirected: true,
    source: Uint32Array.from(keys, (key) => Math.floor(key / names)),
    target: Uint32Array.from(keys, (key) => key % names),
    timeUs: undefined,
  };
}
