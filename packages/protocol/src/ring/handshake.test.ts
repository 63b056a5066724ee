import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Op, Status, createCqe, createSqe } from '../generated/ring-abi.js';
import { SiloEnd } from './queues.js';
import { RingMemory, ringSizeBytes } from './ring-memory.js';

const CAPACITY = 4;

/** An executor that echoes entries, and parks whenever its ring is empty. */
const ECHO = `
import { workerData } from 'node:worker_threads';
import { createCqe, createSqe } from './generated/ring-abi.js';
import { ExecutorEnd } from './ring/queues.js';
import { RingMemory } from './ring/ring-memory.js';
const end = new ExecutorEnd(new RingMemory(workerData.buffer, 0, ${CAPACITY}));
end.memory.checkHeader();
const sqe = createSqe();
const cqe = createCqe();
while (end.ready() || !end.stopRequested()) {
  end.beginLease();
  while (end.ready()) {
    end.take(sqe);
    Object.assign(cqe, { status: 1, userDataLow: sqe.userDataLow, userDataHigh: sqe.userDataHigh, generation: sqe.generation });
    end.complete(cqe);
  }
  end.park(60_000);
}
`;

describe('the park and wake handshake with a worker thread', () => {
  let folder: string;

  // A thread cannot load TypeScript, and the built package may be older than these sources.
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gpu-bridge-ring-'));
    for (const name of ['generated/ring-abi', 'ring/ring-memory', 'ring/queues']) {
      const source = await readFile(new URL(`../${name}.ts`, import.meta.url), 'utf8');
      const { outputText } = ts.transpileModule(source, {
        compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
      });
      await mkdir(join(folder, name, '..'), { recursive: true });
      await writeFile(join(folder, `${name}.js`), outputText);
    }
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    await writeFile(join(folder, 'echo.js'), ECHO);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('loses no wake-up in either direction, and ends when asked to stop', async () => {
    const buffer = new SharedArrayBuffer(ringSizeBytes(CAPACITY));
    const memory = new RingMemory(buffer, 0, CAPACITY);
    memory.initialise(9);
    const silo = new SiloEnd(memory);
    const worker = new Worker(pathToFileURL(join(folder, 'echo.js')), { workerData: { buffer }, execArgv: [] });
    const exited = new Promise<number>((resolve, reject) => {
      worker.once('exit', resolve);
      worker.once('error', reject);
    });

    const sqe = createSqe();
    const cqe = createCqe();
    const total = 2_000;
    let sent = 0;
    for (let received = 0; received < total; received++) {
      // Alternate between a full ring and a single entry, so that both sides park again and again.
      const wanted = received % 7 === 0 ? CAPACITY : 1;
      while (sent < total && silo.outstanding < wanted) {
        silo.submit(Object.assign(sqe, { op: Op.RUN, userDataLow: sent, userDataHigh: 7, generation: 9 }));
        sent++;
      }
      while (!silo.reap(cqe)) await silo.park();
      expect(cqe).toMatchObject({ status: Status.OK, userDataLow: received, userDataHigh: 7, generation: 9 });
    }
    expect(silo.leases()).toBeGreaterThan(0);
    silo.requestStop();
    expect(await exited).toBe(0);
  }, 60_000);
});
