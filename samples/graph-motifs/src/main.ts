/** `npm run -s sample:graph-motifs`: see `--help`. */
import { basename, extname } from 'node:path';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { analyseGraph } from './analyse-graph.js';
import { USAGE, UsageError, parseArguments } from './arguments.js';
import type { MotifOptions } from './arguments.js';
import { buildGraph } from './graph/graph.js';
import { GraphError } from './input/errors.js';
import { readGraphFile } from './input/read-graph.js';
import { motifReport } from './report/report.js';
import { reportText } from './report/report-text.js';
import { motifWitnesses } from './report/witnesses.js';

const FAILED = 1;
const WRONG_USAGE = 2;
const INTERRUPTED = 130;

/** One line on standard error, for people. */
function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function main(args: readonly string[]): Promise<number> {
  const options = parseArguments(args);
  if (options === 'help') {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const stop = new AbortController();
  const interrupt = (): void => stop.abort(new Error('interrupted'));
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    const report = await run(options, stop.signal);
    process.stdout.write(`${options.json ? JSON.stringify(report) : reportText(report)}\n`);
    return 0;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    say('interrupted; the silo was stopped');
    return INTERRUPTED;
  }
}

async function run({ input, device, witnesses }: MotifOptions, signal: AbortSignal): Promise<object> {
  say(`reading ${input}`);
  const edges = await readGraphFile(input);
  signal.throwIfAborted();
  say(`building the graph of ${edges.source.length.toLocaleString('en')} rows`);
  const graph = buildGraph(edges);
  signal.throwIfAborted();
  const startMs = performance.now();
  const counts = await analyseGraph(graph, device, showProgress, signal);
  return {
    ...motifReport(basename(input, extname(input)), graph, counts),
    ...(witnesses > 0 && { witnesses: motifWitnesses(graph, counts, witnesses) }),
    run: { device, elapsed_ms: Math.round(performance.now() - startMs) },
  };
}

function showProgress(step: string, done: number): void {
  if (done === 0) say(`counting ${step}`);
  else if (done < 1) say(`counting ${step}: ${Math.floor(100 * done)} %`);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) {
    say(`${error.message}\n\n${USAGE}`);
    process.exitCode = WRONG_USAGE;
  } else {
    // What a user can mend is told in one line; anything else is a bug and shows where.
    const known = GraphError.is(error) || GpuBridgeError.is(error) || isSystemError(error);
    say(`failed: ${known ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    process.exitCode = FAILED;
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}
