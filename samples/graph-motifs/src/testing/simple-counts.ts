import { createHash } from 'node:crypto';
import type { EdgeList } from '../input/edge-list.js';

/** Neighbours by id. */
type Neighbours = ReadonlyMap<number, ReadonlySet<number>>;

/** Nodes, edges and arcs as sets, as one would write them down. */
export interface SimpleGraph {
  /** Ids of the file, ascending. */
  readonly ids: readonly number[];
  readonly both: Neighbours;
  readonly out: Neighbours;
  readonly in: Neighbours;
}

export function simpleGraph({ source, target }: EdgeList): SimpleGraph {
  const ids = [...new Set([...source, ...target])].sort((a, b) => a - b);
  const none = (): Map<number, Set<number>> => new Map(ids.map((id) => [id, new Set<number>()]));
  const [both, out, into] = [none(), none(), none()];
  source.forEach((from, i) => {
    const to = target[i]!;
    if (from === to) return;
    out.get(from)!.add(to);
    into.get(to)!.add(from);
    both.get(from)!.add(to).add(from);
    both.get(to)!.add(from);
  });
  for (const id of ids) both.get(id)!.delete(id);
  return { ids, both, out, in: into };
}

/**
 * The counts of a report the simple way: for every node the paths of two steps that leave it, counted by their end, without
 * any order of nodes. What is symmetric is found several times and divided.
 */
export function simpleReport(edges: EdgeList): {
  readonly undirected_simple: object;
  readonly directed_simple?: object;
} {
  const graph = simpleGraph(edges);
  const { ids, both, out } = graph;
  const perNode = new Map<number, number>();
  const corners = { triangles: 0, couples: 0 };
  forEachStart(both, (u, middles) => {
    let closed = 0;
    for (const w of both.get(u)!) closed += middles.get(w) ?? 0;
    perNode.set(u, closed / 2);
    corners.triangles += closed / 2;
    for (const k of middles.values()) corners.couples += (k * (k - 1)) / 2;
  });
  const degree = simpleDegrees(both);
  const undirected = {
    edges: sizes(both) / 2,
    triangles: corners.triangles / 3,
    four_cycles: corners.couples / 4,
    wedges: degree.stars_k2,
    degree,
    nodes_in_a_triangle: [...perNode.values()].filter((count) => count > 0).length,
    max_triangles_at_a_node: [...perNode.values()].reduce((a, b) => Math.max(a, b), 0),
    per_node_triangles_sha256: digestOf(ids.map((id) => `${id},${perNode.get(id)!}\n`)),
  };
  if (!edges.isDirected) return { undirected_simple: undirected };
  let mutual = 0;
  let closed = 0;
  const splits = new Map<number, number>();
  let couples = 0;
  forEachStart(out, (u, middles) => {
    for (const v of out.get(u)!) if (out.get(v)!.has(u)) mutual++;
    for (const v of graph.in.get(u)!) closed += middles.get(v) ?? 0;
    for (const k of middles.values()) {
      splits.set(k, (splits.get(k) ?? 0) + 1);
      couples += (k * (k - 1)) / 2;
    }
  });
  const pairsWithAtLeast = (least: number): number =>
    [...splits].reduce((pairs, [k, count]) => pairs + (k >= least ? count : 0), 0);
  return {
    undirected_simple: undirected,
    directed_simple: {
      arcs: sizes(out),
      reciprocal_pairs_2cycles: mutual / 2,
      directed_3_cycles: closed / 3,
      out_degree: simpleDegrees(out),
      in_degree: simpleDegrees(graph.in),
      split_merge: {
        pairs_with_k_ge: Object.fromEntries([1, 2, 3, 5, 10].map((k) => [k, pairsWithAtLeast(k)])),
        'diamonds_sum_C(k,2)': couples,
        max_k: [...splits.keys()].reduce((a, b) => Math.max(a, b), 0),
      },
    },
  };
}

/** The most distinct counterparts of every id within a window, by looking at every window. */
export function simpleFans(edges: EdgeList, of: 'source' | 'target', windowUs: number): ReadonlyMap<number, number> {
  const events = new Map<number, { readonly with: number; readonly timeUs: number }[]>();
  edges.source.forEach((from, i) => {
    const to = edges.target[i]!;
    if (from === to) return;
    const [node, other] = of === 'source' ? [from, to] : [to, from];
    if (!events.has(node)) events.set(node, []);
    events.get(node)!.push({ with: other, timeUs: edges.timeUs![i]! });
  });
  const widths = [...events].map(([node, own]): [number, number] => {
    const ofWindow = (start: number): number =>
      new Set(own.filter(({ timeUs }) => timeUs >= start && timeUs <= start + windowUs).map((event) => event.with))
        .size;
    return [node, Math.max(...own.map(({ timeUs }) => ofWindow(timeUs)))];
  });
  return new Map(widths);
}

/** @param visit - gets, by end, how many paths of two steps lead from the start to it; none leads back to the start. */
function forEachStart(next: Neighbours, visit: (u: number, middles: ReadonlyMap<number, number>) => void): void {
  // Counted by position, since a map that grows with every path would take most of the time of the tests.
  const ids = [...next.keys()];
  const positionOf = new Map(ids.map((id, position) => [id, position]));
  const rows = [...next.values()].map((ends) => Uint32Array.from(ends, (id) => positionOf.get(id)!));
  const paths = new Uint32Array(ids.length);
  rows.forEach((firsts, u) => {
    const seen: number[] = [];
    for (const m of firsts) {
      for (const w of rows[m]!) if (w !== u && paths[w]!++ === 0) seen.push(w);
    }
    visit(ids[u]!, new Map(seen.map((w) => [ids[w]!, paths[w]!])));
    for (const w of seen) paths[w] = 0;
  });
}

function simpleDegrees(next: Neighbours) {
  const degrees = [...next.values()].map(({ size }) => size);
  const sum = (of: (degree: number) => number): number => degrees.reduce((total, degree) => total + of(degree), 0);
  return {
    max: degrees.reduce((a, b) => Math.max(a, b), 0),
    nodes_with_degree_ge: Object.fromEntries(
      [1, 2, 3, 5, 10, 20, 50, 100].map((least) => [least, sum((degree) => (degree >= least ? 1 : 0))]),
    ),
    stars_k2: sum((d) => (d * (d - 1)) / 2),
    stars_k3: sum((d) => (d * (d - 1) * (d - 2)) / 6),
  };
}

function sizes(next: Neighbours): number {
  return [...next.values()].reduce((total, { size }) => total + size, 0);
}

function digestOf(lines: readonly string[]): string {
  return createHash('sha256').update(lines.join('')).digest('hex');
}
