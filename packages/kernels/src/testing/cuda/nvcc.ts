import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Compute capabilities that every CUDA text has to compile for. */
export const CUDA_ARCHITECTURES = ['75', '80', '90'] as const;

/** Whether this machine has nvcc; tests without it are to be skipped visibly. */
export function hasNvcc(): boolean {
  return spawnSync('nvcc', ['--version']).status === 0;
}

/**
 * PTX of texts that agree on their flags, as one program.
 *
 * @throws Error with what nvcc says, also where it only warns: except for variables and comparisons that a program has
 *   without a use, and constants that it divides by 0 or converts to the other sign.
 */
export function compilePtx(sources: readonly string[], flags: readonly string[], architecture: string): string {
  const work = mkdtempSync(join(tmpdir(), 'gpu-bridge-nvcc-'));
  try {
    const [input, output] = [join(work, 'source.cu'), join(work, 'made.ptx')];
    writeFileSync(input, sources.join('\n'));
    const strictness = ['-Werror', 'all-warnings', '-diag-suppress', '39,68,177,186,550'];
    const args = ['-ptx', `-arch=compute_${architecture}`, ...strictness, ...flags, input, '-o', output];
    const { status, stderr } = spawnSync('nvcc', args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`nvcc ${args.join(' ')}:\n${stderr.slice(0, 4000)}`);
    return readFileSync(output, 'utf8');
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
