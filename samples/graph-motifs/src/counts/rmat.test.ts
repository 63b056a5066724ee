import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateRmat } from '../generate.js';
import { buildGraph } from '../graph/graph.js';
import { motifReport } from '../report/report.js';
import { motifWitnesses } from '../report/witnesses.js';
import { checkWitnesses } from '../testing/check-witnesses.js';
import { startCpuSilo } from '../testing/cpu-silo.js';
import type { CpuSilo } from '../testing/cpu-silo.js';
import { simpleReport } from '../testing/simple-counts.js';

describe('motifs of R-MAT graphs', () => {
  let silo: CpuSilo;
  beforeAll(async () => {
    silo = await startCpuSilo();
  });
  afterAll(() => silo[Symbol.asyncDispose]());

  // Rows of bits for a part of the nodes, hubs of several ranges of ends, and ends that are hashed.
  it.each([
    [8, 16],
    [11, 16],
    [13, 4],
    [16, 1],
  ])('are as many at scale %i as simple counts say', async (scale, arcsPerNode) => {
    const edges = generateRmat(scale, arcsPerNode * 2 ** scale, scale);
    const graph = buildGraph(edges);
    const counts = await silo.count(graph);
    expect(motifReport('rmat', graph, counts)).toMatchObject(simpleReport(edges));
    checkWitnesses(edges, motifWitnesses(graph, counts, 20));
  });

  it('make the same graph from the same seed', () => {
    expect(generateRmat(6, 100, 1)).toEqual(generateRmat(6, 100, 1));
    expect(generateRmat(6, 100, 1)).not.toEqual(generateRmat(6, 100, 2));
    expect(() => generateRmat(31, 1, 1)).toThrow('scale is 31');
  });
});
