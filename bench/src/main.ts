/** `npm run -s bench -- NAME [--json] [--device ID] [--seconds N]`: measures, checks while measuring, and prints. */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { audit } from './audit.js';
import { cluster } from './cluster/benchmark.js';
import { containment } from './containment.js';
import { idle } from './idle.js';
import { journalEntries } from './journal-entries.js';
import { kernels } from './kernels/benchmark.js';
import { latency } from './latency.js';
import { recovery } from './recovery.js';
import { motifs } from './motifs/benchmark.js';
import { formatFigure } from './report.js';
import { stream } from './stream/benchmark.js';
import { tenants } from './tenants.js';
import { throughput } from './throughput.js';

const BENCHMARKS = [
  journalEntries,
  latency,
  throughput,
  idle,
  recovery,
  containment,
  kernels,
  cluster,
  motifs,
  audit,
  stream,
  tenants,
];

const USAGE = `usage: npm run -s bench -- NAME [--json] [--device ID] [--seconds N]

${BENCHMARKS.map(({ name, describe }) => `  ${name.padEnd(13)} ${describe}`).join('\n')}

  --device ID   only this device, for example cpu:0, in benchmarks that take one after the other
  --seconds N   how long the long part of a benchmark takes: the slow subscriber of stream, 60 by default
  --json        print one JSON object {name, results: [{id, value, unit, samples, min, max}]} as the last line`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      device: { type: 'string' },
      seconds: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const benchmark = BENCHMARKS.find(({ name }) => name === positionals[0]);
  const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
  const isUsed = benchmark !== undefined && positionals.length === 1 && (seconds === undefined || seconds > 0);
  if (values.help || !isUsed) {
    process.stderr.write(`${USAGE}\n`);
    return values.help ? 0 : 2;
  }
  const note = (line: string): void => void process.stderr.write(`${line}\n`);
  note(
    `${benchmark.name}: ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${cpus().length} cores, Node ${process.versions.node}`,
  );
  const results = await benchmark.run(note, values.device, seconds);
  if (values.json) process.stdout.write(`${JSON.stringify({ name: benchmark.name, results })}\n`);
  else for (const figure of results) process.stdout.write(`${formatFigure(figure)}\n`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
}
