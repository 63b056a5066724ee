import { fileURLToPath } from 'node:url';
import { createKernelCompiler } from '@gpu-bridge/kernels';
import type { KernelDefinition } from '@gpu-bridge/kernels';
import { loadKernels } from '@gpu-bridge/kernels/aot';
import { describe, expect, it } from 'vitest';
import { forms, loadForm } from './forms.js';

const files = [
  'packages/kernels/src/testing/language-kernels.ts',
  'packages/kernels/src/testing/sample-kernels.ts',
  'samples/je-decomposition/src/kernel/je.kernel.ts',
  'bench/src/kernels/kernels.ts',
  'tests/docs/kernel-examples.ts',
  'tests/support/compute-kernels.ts',
  'tests/support/kernels.ts',
  'tests/support/statement-kernels.ts',
];
const root = new URL('../../../', import.meta.url);
const compiler = createKernelCompiler();

/** Ids of the kernels that a module exports. */
function exportedIds(module: object): string[] {
  const kernels = Object.values(module).filter((value: unknown): value is KernelDefinition => {
    const { kind, body } = value as Partial<KernelDefinition>;
    return (kind === 'map' || kind === 'grid') && body !== undefined;
  });
  return kernels.map((kernel) => compiler.compile(kernel).descriptor.id);
}

describe.each(files)('the kernels of %s', (name) => {
  const file = fileURLToPath(new URL(name, root));
  // Also those that the file does not export.
  const fromSource = loadKernels([file], { modules: ['@gpu-bridge/kernels', '../index.js'] }).then(({ kernels }) =>
    kernels.map(({ definition }) => compiler.compile(definition).descriptor.id),
  );

  it.each(forms)('compile from the running text of a $name as from the TypeScript source', async (form) => {
    const ids = exportedIds(await loadForm(file, form));
    expect(ids).not.toHaveLength(0);
    expect(await fromSource).toEqual(expect.arrayContaining(ids));
  });
});
