import type { DatasetColumns } from '@gpu-bridge/abstractions';
import { degrees } from '../kernels/degrees.js';
import type { ResidentColumns } from '../resident-columns.js';

export interface DegreeCounts {
  readonly max: number;
  /** By threshold. */
  readonly nodesWithDegreeAtLeast: ReadonlyMap<number, bigint>;
  /** Sum of C(degree, 2); of neighbours without direction, the wedges. */
  readonly stars2: bigint;
  /** Sum of C(degree, 3). */
  readonly stars3: bigint;
}

const DEGREE_THRESHOLDS = [1, 2, 3, 5, 10, 20, 50, 100];

/** @param row - the column with the offsets of compressed rows. */
export async function countDegrees<C extends DatasetColumns>(
  columns: ResidentColumns<C>,
  row: keyof C & string,
  nodes: number,
): Promise<DegreeCounts> {
  const thresholds = Uint32Array.from(DEGREE_THRESHOLDS);
  const { reaching, largest, stars } = await columns.compute(
    degrees,
    { thresholds },
    {
      bind: { row },
      globalSize: [nodes],
      sizes: { reaching: thresholds.length, largest: 1, stars: 2 },
    },
  );
  return {
    max: largest[0]!,
    nodesWithDegreeAtLeast: new Map(DEGREE_THRESHOLDS.map((threshold, i) => [threshold, reaching.bigintAt(i)])),
    stars2: stars.bigintAt(0),
    stars3: stars.bigintAt(1),
  };
}

/** Of nodes without edges. */
export function noDegrees(): DegreeCounts {
  const nodesWithDegreeAtLeast = new Map(DEGREE_THRESHOLDS.map((threshold) => [threshold, 0n]));
  return { max: 0, nodesWithDegreeAtLeast, stars2: 0n, stars3: 0n };
}
