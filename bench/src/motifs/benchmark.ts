import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GrainFactory } from '@gpu-bridge/abstractions';
import {
  buildGraph,
  countTriangles,
  edgeColumns,
  generateRmat,
  graphResidents,
  keepGraph,
  motifKernels,
} from '@gpu-bridge/sample-graph-motifs';
import type { Graph } from '@gpu-bridge/sample-graph-motifs';
import { NATIVE_DEVICES, optionsFor, unlessAbsent } from '../devices.js';
import { median } from '../report.js';
import type { Benchmark, Figure } from '../report.js';
import { withSilo } from '../silo.js';
import type { PeerProgram } from './peer-program.js';
import { gxxProgram, igraphProgram, writeColumns } from './peers.js';
import { plainColumns, plainTriangles } from './plain-triangles.js';

const SCALE = 16;
const ARCS_PER_NODE = 16;
const SEED = 1;
const THREADS = 2;
const WARM_UP_ROUNDS = 4;
const ROUNDS = 15;
const EMBEDDED = 'cpu:0';

type Measure = () => Promise<number>;

/** Triangles of an R-MAT graph that is resident on a device, against other ways to run the same algorithm, and igraph. */
export const motifs: Benchmark = {
  name: 'motifs',
  describe: 'triangles of a resident graph on two threads, against plain JavaScript, g++ and igraph',
  run: async (note, named) => {
    const graph = buildGraph(generateRmat(SCALE, ARCS_PER_NODE * 2 ** SCALE, SEED));
    const columns = edgeColumns(graph);
    const plain = plainColumns(columns);
    const triangles = BigInt(plainTriangles(plain));
    note(`R-MAT scale ${SCALE}: ${columns.col.length} edges, ${triangles} triangles; ${ROUNDS} rounds`);
    const folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-motifs-'));
    const programs: PeerProgram[] = [];
    try {
      const file = join(folder, 'columns');
      writeColumns(file, columns);
      const peers: Record<string, Measure> = { js: () => Promise.resolve(timePlain(plain, triangles)) };
      const add = (name: string, program: PeerProgram | undefined): void => {
        if (program === undefined) return note(`${name} is left out: it is not installed`);
        programs.push(program);
        peers[name] = () => program.run(triangles);
      };
      add('gxx', await gxxProgram(folder, file, THREADS));
      add('igraph', await igraphProgram(file));
      const figures: Figure[] = [];
      for (const device of named === undefined ? [EMBEDDED, ...NATIVE_DEVICES] : [named]) {
        const measure = () => onDevice(device, graph, triangles, peers);
        const own = await unlessAbsent(device, note, measure, named !== undefined);
        figures.push(...(own ?? []));
      }
      return figures;
    } finally {
      for (const program of programs) program.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** The device and every peer in turn, round by round; a ratio is of the two times of one round. */
async function onDevice(
  device: string,
  graph: Graph,
  triangles: bigint,
  peers: Readonly<Record<string, Measure>>,
): Promise<Figure[]> {
  // PoCL has as many compute units as threads, and one of them is left to others beside a resident kernel.
  process.env['POCL_MAX_PTHREAD_COUNT'] ??= String(THREADS + 1);
  const options = device === EMBEDDED ? { cpu: { workers: THREADS } } : optionsFor(device, { executors: THREADS });
  const work = async (_: unknown, grains: GrainFactory): Promise<Figure[]> => {
    const resident = await keepGraph(grains, 'rmat', graph, { device });
    const measures: Record<string, Measure> = {
      kernel: async () => {
        const start = performance.now();
        const found = await countTriangles(resident);
        if (found !== triangles) throw new Error(`${device} found ${found} triangles, not ${triangles}`);
        return performance.now() - start;
      },
      ...peers,
    };
    const times = Object.fromEntries(Object.keys(measures).map((name): [string, number[]] => [name, []]));
    for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
      for (const [name, measure] of Object.entries(measures)) {
        const ms = await measure();
        if (round >= 0) times[name]!.push(ms);
      }
    }
    const suffix = device === EMBEDDED ? '' : `.${device}`;
    const ratios = Object.keys(peers).map((name) =>
      median(
        `motifs.vs_${name}${suffix}`,
        'x',
        times[name]!.map((ms, i) => ms / times['kernel']![i]!),
      ),
    );
    const own = Object.entries(times).map(([name, values]) => median(`motifs.${name}_ms${suffix}`, 'ms', values));
    return [...ratios, ...own];
  };
  return withSilo({ ...options, kernels: motifKernels, residents: graphResidents }, work);
}

function timePlain(columns: ReturnType<typeof plainColumns>, triangles: bigint): number {
  const start = performance.now();
  const found = plainTriangles(columns);
  const ms = performance.now() - start;
  if (BigInt(found) !== triangles) throw new Error(`plain JavaScript found ${found} triangles, not ${triangles}`);
  return ms;
}
