import { expect } from 'vitest';
import { FAN_WINDOW_US } from '../counts/count-motifs.js';
import type { EdgeList } from '../input/edge-list.js';
import type { Witnesses } from '../report/witnesses.js';
import { simpleGraph } from './simple-counts.js';

/** Holds that every witness is a motif of the graph, by the rows of its file alone. */
export function checkWitnesses(edges: EdgeList, witnesses: Witnesses): void {
  const { both, out, in: into } = simpleGraph(edges);
  const adjacent = (a: number, b: number): boolean => both.get(a)!.has(b);
  const arc = (a: number, b: number): boolean => out.get(a)!.has(b);
  for (const nodes of witnesses.triangles) {
    const [a, b, c] = distinct(nodes, 3);
    expect(adjacent(a!, b!) && adjacent(b!, c!) && adjacent(c!, a!), `triangle ${nodes.join()}`).toBe(true);
  }
  for (const nodes of witnesses.four_cycles) {
    const [a, b, c, d] = distinct(nodes, 4);
    const isCycle = adjacent(a!, b!) && adjacent(b!, c!) && adjacent(c!, d!) && adjacent(d!, a!);
    expect(isCycle, `4-cycle ${nodes.join()}`).toBe(true);
  }
  for (const [a, b] of witnesses.directed_2_cycles ?? []) expect(arc(a!, b!) && arc(b!, a!)).toBe(true);
  for (const nodes of witnesses.directed_3_cycles ?? []) {
    const [a, b, c] = distinct(nodes, 3);
    expect(arc(a!, b!) && arc(b!, c!) && arc(c!, a!), `directed 3-cycle ${nodes.join()}`).toBe(true);
  }
  for (const { from, to, k, middles } of witnesses.split_merge ?? []) {
    expect(k).toBe([...out.get(from)!].filter((m) => arc(m, to)).length);
    expect(distinct(middles, Math.min(k, 16)).every((m) => arc(from, m) && arc(m, to))).toBe(true);
  }
  checkFans(edges, 'source', witnesses.temporal_fan_out_7d ?? []);
  checkFans(edges, 'target', witnesses.temporal_fan_in_7d ?? []);
  const hubs = [
    [witnesses.hubs, both],
    [witnesses.out_hubs, out],
    [witnesses.in_hubs, into],
  ] as const;
  for (const [named = [], neighbours] of hubs) {
    const most = [...neighbours.values()].map(({ size }) => size).sort((a, b) => b - a);
    named.forEach(({ node, degree }, i) => {
      expect(degree).toBe(neighbours.get(node)!.size);
      expect(degree).toBe(most[i]);
    });
  }
}

function checkFans(
  { source, target, timeUs }: EdgeList,
  of: 'source' | 'target',
  fans: NonNullable<Witnesses['temporal_fan_out_7d']>,
): void {
  const [own, other] = of === 'source' ? [source, target] : [target, source];
  for (const { node, counterparts, named, begins } of fans) {
    const inWindow = (i: number): boolean =>
      own[i] === node &&
      other[i] !== node &&
      timeUs![i]! >= begins * 1e6 &&
      timeUs![i]! <= begins * 1e6 + FAN_WINDOW_US;
    const seen = new Set(other.filter((_, i) => inWindow(i)));
    expect(counterparts).toBe(seen.size);
    expect(distinct(named, Math.min(counterparts, 16)).every((id) => seen.has(id))).toBe(true);
  }
}

function distinct(nodes: readonly number[], count: number): readonly number[] {
  expect(new Set(nodes).size).toBe(count);
  expect(nodes).toHaveLength(count);
  return nodes;
}
