import { parseArgs } from 'node:util';

const DEVICES = ['cpu:0', 'cpu-native:0', 'opencl:0'] as const;
export type DeviceName = (typeof DEVICES)[number];

export interface MotifOptions {
  readonly input: string;
  readonly device: DeviceName;
  /** Of each motif. */
  readonly witnesses: number;
  readonly json: boolean;
}

const MAX_WITNESSES = 10_000;

export const USAGE = `usage: npm run -s sample:graph-motifs -- --input FILE [options]

Counts motifs of a graph whose columns are resident on a device: triangles in all and per node, cycles of four, wedges, stars
and hubs; of directed graphs also cycles of two and three, fan-out, fan-in and payments that are split and merged again; of
graphs in time the widest fans within seven days. Counts have 64 bits; above 2^53 JSON has them as strings.

  --input FILE     .txt, .tsv or .edges: "from to" per line, as SNAP publishes; .csv: source,target,rating,time;
                   .mtx: MatrixMarket
  --device ID      ${DEVICES.join(', ')}; default ${DEVICES[0]}
  --witnesses N    also name nodes: at most N of each motif, 0 to ${MAX_WITNESSES}; default 0
  --json           print one JSON object, with the names and the nesting of shared/data/graphs/*.answers.json
  --help           print this

exit status: 0 done, 1 failed (the message says why), 2 wrong usage, 130 interrupted`;

/** A mistake on the command line; its message goes to the user beside the usage. */
export class UsageError extends Error {}

/** @returns the options, or `help`. @throws UsageError */
export function parseArguments(args: readonly string[]): MotifOptions | 'help' {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        input: { type: 'string' },
        device: { type: 'string', default: DEVICES[0] },
        witnesses: { type: 'string', default: '0' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  if (values.help) return 'help';
  const { input, json } = values;
  if (input === undefined || input === '') throw new UsageError('--input needs a file name');
  const device = DEVICES.find((name) => name === values.device);
  if (device === undefined) throw new UsageError(`--device is ${values.device}; expected ${DEVICES.join(', ')}`);
  const witnesses = Number(values.witnesses);
  if (!/^[0-9]+$/.test(values.witnesses) || witnesses > MAX_WITNESSES) {
    throw new UsageError(`--witnesses is ${values.witnesses}; expected a whole number of 0 to ${MAX_WITNESSES}`);
  }
  return { input, device, witnesses, json };
}
