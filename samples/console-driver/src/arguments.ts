import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';

export interface DemoOptions {
  /** The user's journal; undefined: generate one. */
  readonly input: string | undefined;
  /** Where to write every flow. */
  readonly flows: string | undefined;
  readonly json: boolean;
  /** Shows devices, queues, tenants and latencies while it runs. */
  readonly watch: boolean;
  readonly lines: number;
  readonly seed: number;
  readonly workers: number;
  /** Silo processes over NATS; 0: one silo in this process. */
  readonly silos: number;
  /** Sub-entries per batch. */
  readonly batch: number;
  readonly direction: 'credit-to-debit' | 'debit-to-credit';
}

export const USAGE = `usage: npm run demo -- [options]

Decomposes the journal entries of a ledger into flows between accounts, on GpuBridge: a batch grain in an in-process
silo, a device broker, rings in shared memory and a kernel in persistent CPU workers. Value flows from the credited to
the debited account. Every flow table is added up again: per line and per account nothing may be left over.

The flows make a graph, accounts its nodes, which stays on the device as resident grains; kernels count its motifs there: triangles,
cycles, and payments that are split and merged again.

With --silos the same grain is called across processes: N silos and this program are members of a cluster on a NATS server
that the demo starts on the loopback interface. The first silo has the devices, OpenCL where it is built and installed, else
CPU workers; the others advertise none. The table then shows where every batch ran.

  --input FILE     decompose this journal instead of a generated one. CSV with the columns entry_id, account, commodity
                   and amount (integer minor units, > 0 debit, < 0 credit), or debit and credit instead of amount;
                   line_no is optional, without it the position in the entry counts
  --flows FILE     write every flow: entry_id, commodity, from_line, to_line, from, to, amount, method, confidence
  --lines N        lines of the generated journal, at least 1; default 1000000
  --seed N         seed of the generated journal, an integer; default 1
  --direction D    credit-to-debit (default) or debit-to-credit
  --workers N      worker threads, 1 to 64; default: the cores of this machine
  --silos N        silo processes on a NATS server of their own, 1 to 16; default: one silo in this process
  --batch N        sub-entries (one entry in one commodity) per batch; default 16384
  --watch          show silos, devices, queues, tenants and latencies while it runs; a line a second on standard error where standard
                   output is no terminal
  --json           print one JSON object instead of the table
  --help           print this

exit status: 0 done, 1 failed (the message says why), 2 wrong usage, 130 interrupted`;

/** A mistake on the command line; its message goes to the user beside the usage. */
export class UsageError extends Error {}

/** @returns the options, or `help`. @throws UsageError */
export function parseArguments(args: readonly string[]): DemoOptions | 'help' {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        input: { type: 'string' },
        flows: { type: 'string' },
        lines: { type: 'string', default: '1000000' },
        seed: { type: 'string', default: '1' },
        direction: { type: 'string', default: 'credit-to-debit' },
        workers: { type: 'string', default: String(availableParallelism()) },
        batch: { type: 'string', default: '16384' },
        silos: { type: 'string' },
        json: { type: 'boolean', default: false },
        watch: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  if (values.help) return 'help';
  const { input, flows, json, watch, direction } = values;
  if (direction !== 'credit-to-debit' && direction !== 'debit-to-credit') {
    throw new UsageError(`--direction is ${direction}; expected credit-to-debit or debit-to-credit`);
  }
  if (input === '' || flows === '') throw new UsageError('--input and --flows need a file name');
  return {
    input,
    flows,
    json,
    watch,
    direction,
    lines: integer('lines', values.lines, 1, 100_000_000),
    seed: integer('seed', values.seed, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
    workers: integer('workers', values.workers, 1, 64),
    silos: values.silos === undefined ? 0 : integer('silos', values.silos, 1, 16),
    batch: integer('batch', values.batch, 1, 10_000_000),
  };
}

function integer(name: string, text: string, low: number, high: number): number {
  const value = Number(text);
  if (/^-?[0-9]+$/.test(text) && value >= low && value <= high) return value;
  throw new UsageError(`--${name} is ${text}; expected an integer of ${low} to ${high}`);
}
