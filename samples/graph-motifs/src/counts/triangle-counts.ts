import { triangles, trianglesByNode } from '../kernels/triangles.js';
import type { ResidentGraph } from '../resident-graph.js';

/** Partial sums of a launch. */
const SUMS = 64;

/** Triangles of the graph without directions. */
export async function countTriangles({ graph, edges }: ResidentGraph): Promise<bigint> {
  const count = graph.neighbours.col.length / 2;
  const { total } = await edges.compute(triangles, {}, { globalSize: [count], sizes: { total: SUMS } });
  let sum = 0n;
  for (let i = 0; i < SUMS; i++) sum += total.bigintAt(i);
  return sum;
}

export interface TrianglesByNode {
  /** Triangles at the node of each rank. */
  readonly perNode: BigUint64Array;
  /** For every edge, in the order of the resident columns, the lowest node that closes a triangle, or `NONE`. */
  readonly third: Uint32Array;
}

export async function countTrianglesByNode({ graph, edges }: ResidentGraph): Promise<TrianglesByNode> {
  const count = graph.neighbours.col.length / 2;
  const { perNode, third } = await edges.compute(
    trianglesByNode,
    {},
    { globalSize: [count], sizes: { perNode: graph.ids.length, third: count } },
  );
  return { perNode: perNode.array as BigUint64Array, third };
}
