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
  'tests/support/compute-kernels.ts',
  'tests/support/kernels.ts',
  'tests/support/statement-kernels.ts',
];
const root = new URL('../../../', import.meta.url);
const compiler = createKernelCompiler();

/** Ids of the kernels that a module exports, by name. */
function exportedIds(module: object): Record<string, string> {
  const kernels = Object.values(module).filter((value: unknown): value is KernelDefinition =>
    ['map', 'grid'].includes((value as KernelDefinition).kind),
  );
  return Object.fromEntries(kernels.map((kernel) => [kernel.name, compiler.compile(kernel).descriptor.id]));
}

describe.each(files)('the kernels of %s', (name) => {
  const file = fileURLToPath(new URL(name, root));
  const compiled = loadKernels([file], { modules: ['@gpu-bridge/kernels', '../index.js'] }).then(({ kernels }) =>
    Object.fromEntries(
      kernels.map((kernel) => [kernel.definition.name, compiler.compile(kernel.definition).descriptor.id]),
    ),
  );

  it.each(forms)('compile from the running text of a $name as from the TypeScript source', async (form) => {
    const ids = exportedIds(await loadForm(file, form));
    expect(Object.keys(ids)).not.toHaveLength(0);
    expect(ids).toEqual(await compiled);
  });
});
