/** `npm run demo`: see `--help`. */
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { JournalError } from '@gpu-bridge/sample-je-decomposition';
import { USAGE, UsageError, parseArguments } from './arguments.js';
import { runDemo } from './demo.js';
import { say } from './progress.js';
import { summaryTable } from './summary.js';

const FAILED = 1;
const WRONG_USAGE = 2;
const INTERRUPTED = 130;

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
    const summary = await runDemo(options, stop.signal);
    process.stdout.write(`${options.json ? JSON.stringify(summary) : summaryTable(summary)}\n`);
    return summary.residual === 0 ? 0 : FAILED;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    say('interrupted; the silo was stopped and no file was left half-written');
    return INTERRUPTED;
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) {
    say(`${error.message}\n\n${USAGE}`);
    process.exitCode = WRONG_USAGE;
  } else {
    // What a user can mend is told in one line; anything else is a bug and shows where.
    const known = JournalError.is(error) || GpuBridgeError.is(error) || isSystemError(error);
    say(
      `demo failed: ${known ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    process.exitCode = FAILED;
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}
