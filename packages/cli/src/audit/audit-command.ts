import { existsSync } from 'node:fs';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { verifyLog } from '@gpu-bridge/audit';
import { parseCommand } from '../parse-command.js';
import { UsageError } from '../usage-error.js';
import { filterOf, listJobs } from './list-jobs.js';
import { showJob } from './show-job.js';
import { textOfReport } from './verify-report.js';

export const AUDIT_USAGE = `gpu-bridge audit list --folder DIR [--tenant NAME] [--kernel NAME] [--outcome OUTCOME] [--since TIME] [--json]
gpu-bridge audit show JOBID --folder DIR [--json]
gpu-bridge audit verify --folder DIR [--expect HASH] [--json]
gpu-bridge audit replay JOBID --folder DIR --kernels FILE [--backend cpu|cpu-native|opencl] [--device ID]
                        [--dataset-folder DIR] [--other-version] [--json]

Reads the log of jobs that the option audit of addGpuBridge writes, checks every byte of it, and runs a job of it again. verify
prints the hash of the last record; keep it elsewhere. The exit code is 1 where the log is not as it was written or a replay differs.

  --folder DIR   folder of the log
  --tenant NAME  only jobs of this tenant
  --kernel NAME  only jobs of this kernel, by name or id
  --outcome NAME only jobs that ended so: completed, failed or cancelled
  --since TIME   only jobs submitted from then on, for example 2026-05-01 or 2026-05-01T12:00:00Z
  --expect HASH  a record must have this hash: one that verify printed before
  --kernels FILE module that defines the kernel; its top level runs
  --backend NAME what the replay runs on; default: cpu
  --device ID    device of that backend; default: its first
  --dataset-folder DIR
                 folder of the epochs that inputs lie in
  --other-version
                 run the kernel although it is another version than the recorded one
  --json         print the result as JSON`;

const OPTIONS = {
  folder: { type: 'string' },
  tenant: { type: 'string' },
  kernel: { type: 'string' },
  outcome: { type: 'string' },
  since: { type: 'string' },
  expect: { type: 'string' },
  kernels: { type: 'string' },
  backend: { type: 'string' },
  device: { type: 'string' },
  'dataset-folder': { type: 'string' },
  'other-version': { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

type Values = ReturnType<typeof parseCommand<typeof OPTIONS>>['values'];

/** Options of each command beside `folder` and `json`, and whether it takes a job. */
const COMMANDS: Readonly<Record<string, { readonly options: readonly (keyof Values)[]; readonly takesJob: boolean }>> =
  {
    list: { options: ['tenant', 'kernel', 'outcome', 'since'], takesJob: false },
    show: { options: [], takesJob: true },
    verify: { options: ['expect'], takesJob: false },
    replay: { options: ['kernels', 'backend', 'device', 'dataset-folder', 'other-version'], takesJob: true },
  };

/** @returns the exit code: 1 where the log is not as it was written or a replay differs. */
export async function runAudit(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseCommand(args, OPTIONS);
  const [name = '', ...jobs] = positionals;
  checkArguments(name, jobs, values);
  const { folder, json = false } = values;
  if (folder === undefined) throw new UsageError('--folder DIR is missing');
  if (!existsSync(folder)) throw GpuBridgeError.invalidArgument('--folder', folder, 'a folder that exists');
  const jobId = jobs[0] ?? '';
  switch (name) {
    case 'list':
      console.log(listJobs(folder, filterOf(values), json));
      return 0;
    case 'show':
      console.log(showJob(folder, jobId, json));
      return 0;
    case 'verify': {
      const report = verifyLog(folder, values.expect?.toLowerCase());
      console.log(json ? JSON.stringify(report, null, 2) : textOfReport(report));
      return report.problems.length > 0 ? 1 : 0;
    }
    default:
      return replay(folder, jobId, values, json);
  }
}

async function replay(folder: string, jobId: string, values: Values, json: boolean): Promise<number> {
  const { kernels, backend = 'cpu', device } = values;
  if (kernels === undefined) throw new UsageError('--kernels FILE is missing');
  if (backend !== 'cpu' && backend !== 'cpu-native' && backend !== 'opencl')
    throw new UsageError(`unknown backend '${backend}'; there are cpu, cpu-native, opencl`);
  // Loaded only here: the other commands need no bridge.
  const { replayFromLog } = await import('./replay-from-log.js');
  const { text, identical } = await replayFromLog({
    ...{ folder, jobId, kernels, backend, device, json },
    datasetFolder: values['dataset-folder'],
    allowsOtherVersion: values['other-version'] ?? false,
  });
  console.log(text);
  return identical ? 0 : 1;
}

function checkArguments(name: string, jobs: readonly string[], values: Values): void {
  const command = COMMANDS[name];
  if (command === undefined)
    throw new UsageError(name === '' ? 'audit needs a command' : `unknown command 'audit ${name}'`);
  if (command.takesJob && jobs.length !== 1) throw new UsageError(`audit ${name} takes one JOBID`);
  if (!command.takesJob && jobs.length > 0) throw new UsageError(`audit ${name} takes no '${jobs[0]}'`);
  const known: readonly string[] = ['folder', 'json', ...command.options];
  const unknown = Object.keys(values).find((option) => !known.includes(option));
  if (unknown !== undefined) throw new UsageError(`audit ${name} has no option --${unknown}`);
}
