import type { KernelTarget } from '@gpu-bridge/abstractions';
import { findFiles } from './find-files.js';
import { parseCommand } from './parse-command.js';
import { jsonReport, textReport } from './report.js';
import { UsageError } from './usage-error.js';

export const COMPILE_USAGE = `gpu-bridge compile <files or globs> --out DIR [--targets wasm,js,cpp,opencl,cuda] [--json]

Compiles the kernels that TypeScript or JavaScript modules define, and writes for each of them DIR/<id>/manifest.json with
the artifacts beside it. The top level of the modules runs; the bodies of kernels never do.

  --out DIR      folder to write to
  --targets LIST what to make, separated by commas; default: wasm,js,cpp,opencl,cuda
  --json         print the result as JSON`;

const TARGETS: readonly KernelTarget[] = ['wasm', 'js', 'cpp', 'opencl', 'cuda'];

/** @returns the exit code: 1 where a kernel does not compile. */
export async function runCompile(args: readonly string[]): Promise<number> {
  const { values, positionals: patterns } = parseCommand(args, {
    out: { type: 'string' },
    targets: { type: 'string' },
    json: { type: 'boolean', default: false },
  });
  if (values.out === undefined) throw new UsageError('--out DIR is missing');
  if (patterns.length === 0) throw new UsageError('no files');
  const { files, missing } = await findFiles(patterns, process.cwd());
  if (missing.length > 0) throw new UsageError(`no file matches ${missing.join(', ')}`);
  // Loaded only here: the other commands need no compiler.
  const { compileFiles } = await import('./compile-files.js');
  const result = await compileFiles(files, values.out, targetsOf(values.targets));
  console.log(values.json ? jsonReport(result) : textReport(result));
  for (const message of result.messages) console.error(message);
  return result.messages.length > 0 ? 1 : 0;
}

function targetsOf(list: string | undefined): readonly KernelTarget[] {
  if (list === undefined) return TARGETS;
  return list.split(',').map((name) => {
    const target = TARGETS.find((known) => known === name.trim());
    if (target === undefined) throw new UsageError(`unknown target '${name}'; there are ${TARGETS.join(', ')}`);
    return target;
  });
}
