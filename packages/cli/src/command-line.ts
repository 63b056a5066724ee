import { parseArgs } from 'node:util';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { KernelTarget } from '@gpu-bridge/abstractions';
import { compileFiles } from './compile-files.js';
import { findFiles } from './find-files.js';
import { jsonReport, textReport } from './report.js';

const USAGE = `gpu-bridge compile <files or globs> --out DIR [--targets wasm,js,cpp,opencl,cuda] [--json]

Compiles the kernels that TypeScript or JavaScript modules define, and writes for each of them DIR/<id>/manifest.json with
the artifacts beside it. The top level of the modules runs; the bodies of kernels never do.

  --out DIR      folder to write to
  --targets LIST what to make, separated by commas; default: wasm,js,cpp,opencl,cuda
  --json         print the result as JSON
  --help         print this`;

const TARGETS: readonly KernelTarget[] = ['wasm', 'js', 'cpp', 'opencl', 'cuda'];

/** The command line was wrong; exit code 2. */
class UsageError extends Error {}

/** Runs one command; returns the exit code: 1 where a kernel does not compile, 2 where the command line is wrong. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parse(args);
    if (values.help) {
      console.log(USAGE);
      return 0;
    }
    const [command, ...patterns] = positionals;
    if (command !== 'compile') {
      throw new UsageError(command === undefined ? 'no command' : `unknown command '${command}'`);
    }
    if (values.out === undefined) throw new UsageError('--out DIR is missing');
    if (patterns.length === 0) throw new UsageError('no files');
    const { files, missing } = await findFiles(patterns, process.cwd());
    if (missing.length > 0) throw new UsageError(`no file matches ${missing.join(', ')}`);
    const result = await compileFiles(files, values.out, targetsOf(values.targets));
    console.log(values.json ? jsonReport(result) : textReport(result));
    for (const message of result.messages) console.error(message);
    return result.messages.length > 0 ? 1 : 0;
  } catch (e) {
    if (e instanceof UsageError) {
      console.error(`gpu-bridge: ${e.message}\n\n${USAGE}`);
      return 2;
    }
    // What a module throws at its top level is the user's to read in full.
    console.error(GpuBridgeError.is(e) ? `gpu-bridge: ${e.message}` : e);
    return 1;
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        out: { type: 'string' },
        targets: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false, short: 'h' },
      },
    });
  } catch (e) {
    throw new UsageError((e as Error).message);
  }
}

function targetsOf(list: string | undefined): readonly KernelTarget[] {
  if (list === undefined) return TARGETS;
  return list.split(',').map((name) => {
    const target = TARGETS.find((known) => known === name.trim());
    if (target === undefined) throw new UsageError(`unknown target '${name}'; there are ${TARGETS.join(', ')}`);
    return target;
  });
}
