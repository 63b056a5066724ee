/** Motifs of published graphs on every device, against the answers that other tools gave. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Tokens } from '@gpu-bridge/abstractions';
import type { GrainFactory } from '@gpu-bridge/abstractions';
import {
  buildGraph,
  countGraph,
  generateRmat,
  graphResidents,
  motifKernels,
  motifReport,
  motifWitnesses,
  readGraphFile,
} from '@gpu-bridge/sample-graph-motifs';
import type { Graph } from '@gpu-bridge/sample-graph-motifs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { absenceOf, startNativeSilo } from '../support/native.js';
import type { NativeSilo } from '../support/native.js';

const PROGRAM = fileURLToPath(new URL('../../samples/graph-motifs/dist/main.js', import.meta.url));
const GRAPHS = fileURLToPath(new URL('../../../shared/data/graphs/', import.meta.url));
const PROCESS_LIMIT_MS = 120_000;

const files = existsSync(GRAPHS) ? readdirSync(GRAPHS).filter((file) => /[.](txt|csv|mtx)$/.test(file)) : [];
if (files.length === 0) process.stderr.write('skipped: no published graphs beside the repository\n');
const native = { cpu: { executors: 2, arenaMiB: 128 }, opencl: { executors: 1, arenaMiB: 128 } };
const absence = (await absenceOf({ cpu: native.cpu })) ?? (await absenceOf({ opencl: native.opencl }));
if (absence !== undefined) process.stderr.write(`skipped: native devices, ${absence}\n`);
const DEVICES = absence === undefined ? ['cpu:0', 'cpu-native:0', 'opencl:0'] : ['cpu:0'];

function answersOf(file: string): unknown {
  return JSON.parse(readFileSync(join(GRAPHS, file.replace(/[.]\w+$/, '.answers.json')), 'utf8'));
}

describe('motifs of resident graphs', () => {
  let silo: NativeSilo;
  let grains: GrainFactory;
  beforeAll(async () => {
    const options = { kernels: motifKernels, residents: graphResidents };
    silo = await startNativeSilo({ ...options, ...(absence === undefined && { native }) });
    grains = silo.container.get<GrainFactory>(Tokens.GrainFactory);
  });
  afterAll(async () => {
    await silo[Symbol.asyncDispose]();
  });

  const analyse = async (name: string, graph: Graph, device: string) => {
    const counts = await countGraph(grains, name, graph, { device });
    return { report: motifReport(name, graph, counts), witnesses: motifWitnesses(graph, counts, 10) };
  };

  it.each(files)('are those that were published for %s, on every device', async (file) => {
    const graph = buildGraph(await readGraphFile(join(GRAPHS, file)));
    const answers = answersOf(file);
    const perDevice = [];
    for (const device of DEVICES) {
      const { report, witnesses } = await analyse(file.replace(/[.]\w+$/, ''), graph, device);
      expect(answers, device).toMatchObject(report);
      perDevice.push(witnesses);
    }
    for (const witnesses of perDevice) expect(witnesses).toEqual(perDevice[0]);
  });

  it('are the same on every device for a graph with hubs and more nodes than a group counts', async () => {
    const graph = buildGraph(generateRmat(13, 50_000, 1));
    const expected = await analyse('rmat', graph, DEVICES[0]!);
    for (const device of DEVICES.slice(1)) expect(await analyse('rmat', graph, device), device).toEqual(expected);
  });
});

describe('the program of the sample', () => {
  const folder = mkdtempSync(join(tmpdir(), 'graph-motifs-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const program = (...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      execFile(process.execPath, [PROGRAM, ...args], { timeout: PROCESS_LIMIT_MS }, (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
      });
    });

  it('prints one JSON object with the counts, and the nodes that were asked for', async () => {
    const arcs = '1 2\n2 3\n3 1\n3 900\n900 1\n';
    const { status, stdout, stderr } = await program('--input', file('a.txt', arcs), '--json', '--witnesses', '1');
    expect(stderr).toMatch(/reading .*a[.]txt/);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      name: 'a',
      nodes: 4,
      max_id: 900,
      undirected_simple: { edges: 5, triangles: 2, four_cycles: 1 },
      directed_simple: { arcs: 5, directed_3_cycles: 1, split_merge: { max_k: 1 } },
      witnesses: { directed_3_cycles: [expect.arrayContaining([1, 2, 3])] },
      run: { device: 'cpu:0' },
    });
  });

  it('counts nothing in a graph without edges', async () => {
    const { status, stdout } = await program('--input', file('none.csv', '5,5,1,100\n'), '--json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      nodes: 1,
      self_loops_in_file: 1,
      undirected_simple: { edges: 0, triangles: 0 },
      directed_simple: { temporal_fan_in_7d: { max: 0, node_of_max: null } },
    });
  });

  it('names the line of bad input, and explains wrong usage and help', async () => {
    const bad = await program('--input', file('bad.txt', '1 2\n1 x\n'));
    expect(bad).toMatchObject({ status: 1, stdout: '' });
    expect(bad.stderr).toMatch(/line 2: to is "x"/);
    expect(bad.stderr).not.toMatch(/\n\s+at /);
    expect((await program('--input', join(folder, 'not-there.txt'))).stderr).toMatch(/ENOENT.*not-there/);
    const wrong = [[], ['--input', 'a.txt', '--device', 'gpu'], ['--input', 'a.txt', '--witnesses', '-1'], ['--x']];
    for (const run of await Promise.all(wrong.map((args) => program(...args)))) {
      expect(run).toMatchObject({ status: 2, stdout: '' });
    }
    const help = await program('--help');
    expect(help.status).toBe(0);
    expect(help.stdout).toMatch(/--input FILE/);
  });
});
