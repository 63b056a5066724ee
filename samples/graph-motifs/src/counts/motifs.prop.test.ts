import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildGraph, idOf } from '../graph/graph.js';
import type { EdgeList } from '../input/edge-list.js';
import { motifReport } from '../report/report.js';
import { motifWitnesses } from '../report/witnesses.js';
import { checkWitnesses } from '../testing/check-witnesses.js';
import { startCpuSilo } from '../testing/cpu-silo.js';
import type { CpuSilo } from '../testing/cpu-silo.js';
import { simpleFans, simpleReport } from '../testing/simple-counts.js';
import { FAN_WINDOW_US } from './count-motifs.js';

const DAY_US = 86_400 * 1e6;

/** Few ids with gaps, so that loops, repeats and reverses occur; few days, so that windows begin and end at the same time. */
const edgeLists = fc
  .tuple(
    fc.integer({ min: 1, max: 30 }),
    fc.boolean(),
    fc.array(fc.tuple(fc.nat(1_000), fc.nat(1_000), fc.nat(20)), { maxLength: 150 }),
  )
  .map(([nodes, isDirected, rows]): EdgeList => {
    const id = (n: number): number => 7 * (n % nodes) + 3;
    return {
      format: 'csv4',
      isDirected,
      source: Uint32Array.from(rows, ([source]) => id(source)),
      target: Uint32Array.from(rows, ([, target]) => id(target)),
      timeUs: isDirected ? Float64Array.from(rows, ([, , day]) => day * DAY_US) : undefined,
    };
  });

describe('motifs of small random graphs', () => {
  let silo: CpuSilo;
  beforeAll(async () => {
    silo = await startCpuSilo();
  });
  afterAll(() => silo[Symbol.asyncDispose]());

  it('are as many as simple counts say, and every witness is one', async () => {
    await fc.assert(
      fc.asyncProperty(edgeLists, async (edges) => {
        const graph = buildGraph(edges);
        const counts = await silo.count(graph);
        expect(motifReport('random', graph, counts)).toMatchObject(simpleReport(edges));
        checkWitnesses(edges, motifWitnesses(graph, counts, 5));
        if (counts.fans === undefined) return;
        for (const [of, { widest }] of [['source', counts.fans.out] as const, ['target', counts.fans.in] as const]) {
          const expected = simpleFans(edges, of, FAN_WINDOW_US);
          widest.forEach((width, rank) => expect(width).toBe(expected.get(idOf(graph, rank)) ?? 0));
        }
      }),
      { numRuns: 60 },
    );
  });
});
