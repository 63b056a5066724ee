import { dirname, join } from 'node:path';
import type { KernelTarget } from '@gpu-bridge/abstractions';
import type { CompileResult } from './compile-files.js';
import { tableOf } from './table.js';
import type { WrittenKernel } from './write-kernel.js';

/** A table of kernels and targets, and below it why a target cannot have a kernel. */
export function textReport({ targets, kernels }: CompileResult): string {
  if (kernels.length === 0) return 'no kernel was compiled';
  const rows = [
    ['kernel', ...targets, 'requires'],
    ...kernels.map((kernel) => [
      kernel.id,
      ...targets.map((target) => cell(kernel, target)),
      kernel.requires.join(' ') || '-',
    ]),
  ];
  const reasons = kernels.flatMap(({ id, refused }) =>
    refused.map(({ target, reason }) => `${id} is refused on ${target}: ${reason}`),
  );
  return [...tableOf(rows), ...(reasons.length > 0 ? ['', ...reasons] : [])].join('\n');
}

function cell({ artifacts, built, refused }: WrittenKernel, target: KernelTarget): string {
  const artifact = artifacts.find((a) => a.target === target);
  if (artifact === undefined) return refused.some((r) => r.target === target) ? 'refused' : '-';
  const more = built.filter(({ from }) => from === target).map(({ kind }) => (kind === 'ptx' ? '+ptx' : '+so'));
  return [`${(artifact.bytes / 1024).toFixed(1)}K`, ...more].join(' ');
}

export function jsonReport({ kernels, messages }: CompileResult): string {
  const described = kernels.map((kernel) => ({
    ...kernel,
    artifacts: kernel.artifacts.map((artifact) => ({
      ...artifact,
      file: join(dirname(kernel.manifest), artifact.file),
    })),
  }));
  return JSON.stringify({ kernels: described, errors: messages }, null, 2);
}
