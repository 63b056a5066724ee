import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Tokens } from '@gpu-bridge/abstractions';
import type { GpuBridge, GrainFactory } from '@gpu-bridge/abstractions';
import { getBatchGrain } from '@gpu-bridge/grains';
import { addGpuBridge } from '@gpu-bridge/hosting';
import {
  decomposeJournal,
  flowsCsv,
  generateJournal,
  jeDecomposition,
  readJournalCsvFile,
} from '@gpu-bridge/sample-je-decomposition';
import type { Decomposition, Journal } from '@gpu-bridge/sample-je-decomposition';
import { Container } from 'inversify';
import type { DemoOptions } from './arguments.js';
import { Progress, say } from './progress.js';
import { summarise } from './summary.js';
import type { Summary } from './summary.js';

/** Reads or makes the journal, decomposes it on a silo of its own, writes the flows if asked, and stops the silo. */
export async function runDemo(options: DemoOptions, signal: AbortSignal): Promise<Summary> {
  const journal = await loadJournal(options);
  signal.throwIfAborted();
  const container = new Container();
  const host = addGpuBridge(container, { kernels: [jeDecomposition], cpu: { workers: options.workers } });
  await host.start();
  try {
    const startMs = performance.now();
    const decomposition = await decompose(container, journal, options, signal);
    const elapsedMs = performance.now() - startMs;
    if (options.flows !== undefined) await writeFlows(options.flows, journal, decomposition, signal);
    const [device] = container.get<GpuBridge>(Tokens.GpuBridge).getInfo().devices;
    return summarise(journal, decomposition, elapsedMs, device!);
  } finally {
    await host.stop();
  }
}

async function loadJournal({ input, lines, seed }: DemoOptions): Promise<Journal> {
  if (input !== undefined) {
    say(`reading ${input}`);
    return readJournalCsvFile(input);
  }
  say(`generating a procure-to-pay journal of ${lines.toLocaleString('en')} lines (seed ${seed})`);
  return generateJournal({ lines, seed });
}

async function decompose(
  container: Container,
  journal: Journal,
  options: DemoOptions,
  signal: AbortSignal,
): Promise<Decomposition> {
  const grain = getBatchGrain(container.get<GrainFactory>(Tokens.GrainFactory), jeDecomposition);
  const progress = new Progress('decomposing', journal.subEntryCount);
  try {
    return await decomposeJournal(
      // Results are taken over batch by batch, so they can be lent instead of copied.
      { execute: (items, hints, stop) => grain.execute(items, hints, stop, { mode: 'borrow' }) },
      journal,
      {
        direction: options.direction,
        batchItems: options.batch,
        onProgress: ({ subEntries }) => progress.update(subEntries),
        signal,
      },
    );
  } finally {
    progress.stop();
  }
}

/** Writes beside the target and renames at the end: a file of that name is always whole. */
async function writeFlows(
  path: string,
  journal: Journal,
  { flows }: Decomposition,
  signal: AbortSignal,
): Promise<void> {
  say(`writing ${path}`);
  const partial = `${path}.partial`;
  try {
    await pipeline(Readable.from(flowsCsv(journal, flows)), createWriteStream(partial), { signal });
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
