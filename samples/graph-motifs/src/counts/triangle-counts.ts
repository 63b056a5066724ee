import { triangles, trianglesByNode } from '../kernels/triangles.js';
import type { ResidentGraph } from '../resident-graph.js';
import type { MotifRunner } from './motif-runner.js';

/** Partial sums of a launch. */
const SUMS = 64;

/** Triangles of the graph without directions. */
export async function countTriangles(runner: MotifRunner, { edges }: Pick<ResidentGraph, 'edges'>): Promise<bigint> {
  const { total } = await runner.run(triangles, edges, { globalSize: [edges.col.length], sizes: { total: SUMS } });
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

export async function countTrianglesByNode(
  runner: MotifRunner,
  { edges }: Pick<ResidentGraph, 'edges'>,
): Promise<TrianglesByNode> {
  const { row, col, source } = edges;
  const { perNode, third } = await runner.run(
    trianglesByNode,
    { row, col, source },
    { globalSize: [col.length], sizes: { perNode: row.length - 1, third: col.length } },
  );
  return { perNode: perNode.array as BigUint64Array, third };
}
