import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { GrainFactory } from '@gpu-bridge/abstractions';
import { getBatchGrain } from '@gpu-bridge/grains';
import {
  decomposeJournal,
  flowsCsv,
  generateJournal,
  jeDecomposition,
  readJournalCsvFile,
} from '@gpu-bridge/sample-je-decomposition';
import type { Decomposition, DecompositionExecutor, Journal } from '@gpu-bridge/sample-je-decomposition';
import type { DemoOptions } from './arguments.js';
import { startClusterHost } from './hosts/cluster-host.js';
import { startEmbeddedHost } from './hosts/embedded-host.js';
import { scanMotifs } from './motif-scan.js';
import { ProgressBar, say } from './progress.js';
import type { ProgressDisplay } from './progress.js';
import { summarise } from './summary.js';
import type { Summary } from './summary.js';
import { LiveView } from './watch/live-view.js';

/** Reads or makes the journal, decomposes it on silos of its own, counts motifs of the flows, writes them if asked, and stops the silos. */
export async function runDemo(options: DemoOptions, signal: AbortSignal): Promise<Summary> {
  const journal = await loadJournal(options);
  signal.throwIfAborted();
  const { silos, workers } = options;
  const host = silos === 0 ? await startEmbeddedHost(workers) : await startClusterHost({ silos, workers }, signal);
  const display = options.watch ? new LiveView(host.grainFactory) : new ProgressBar();
  try {
    const startMs = performance.now();
    const ranOn = new Map<string, string>();
    const decomposition = await decompose(host.grainFactory, journal, { ...options, ranOn, display }, signal);
    const elapsedMs = performance.now() - startMs;
    const motifs = await scanMotifs(host.grainFactory, { journal, flows: decomposition.flows }, display, signal);
    if (options.flows !== undefined) await writeFlows(options.flows, journal, decomposition, signal);
    return summarise({ journal, decomposition, elapsedMs, devices: host.devices, silos: host.silos, ranOn, motifs });
  } finally {
    display.stop();
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

interface Decomposing extends Pick<DemoOptions, 'direction' | 'batch'> {
  /** Gets the silo of every job, by its id. */
  readonly ranOn: Map<string, string>;
  readonly display: ProgressDisplay;
}

async function decompose(
  grainFactory: GrainFactory,
  journal: Journal,
  { direction, batch, ranOn, display }: Decomposing,
  signal: AbortSignal,
): Promise<Decomposition> {
  const grain = getBatchGrain(grainFactory, jeDecomposition);
  display.begin('decomposing', journal.subEntryCount);
  const execute: DecompositionExecutor['execute'] = async (items, hints, stop) => {
    // Results are taken over batch by batch, so they can be lent instead of copied.
    const job = await grain.execute(items, hints, stop, { mode: 'borrow' });
    const result = job.result.then((ended) => {
      ranOn.set(ended.jobId, job.siloId);
      return ended;
    });
    return { batches: job.batches, result };
  };
  try {
    return await decomposeJournal({ execute }, journal, {
      direction,
      batchItems: batch,
      onProgress: ({ subEntries }) => display.update(subEntries),
      signal,
    });
  } finally {
    display.end();
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
