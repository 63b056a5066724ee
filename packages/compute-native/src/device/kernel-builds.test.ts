import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KernelArtifact, KernelDescriptor } from '@gpu-bridge/abstractions';
import { afterAll, describe, expect, it } from 'vitest';
import { SharedObjects } from '../libraries/shared-objects.js';
import { CppBuilds } from './kernel-builds.js';

const descriptor: KernelDescriptor = {
  ...{ id: 'k@0', name: 'k', kind: 'map', params: {}, layout: { slots: [], sizeBytes: 16 }, effects: 'pure' },
  ...{ requires: [], readsItemIndex: false, fp: 'strict', bounds: 'checked', workgroup: null, workspaceBytes: 0 },
  irVersion: 1,
};
const text = { target: 'cpp', source: 'text', entry: 'k', flags: ['-O3'] } as const;
const brought: KernelArtifact = { ...text, library: '/app/dist/kernel.so' };

const folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-builds-'));
afterAll(() => rmSync(folder, { recursive: true }));
/** Fails whatever it is asked for. */
const absentCompiler = new SharedObjects('/no/such/compiler', folder);

describe('CppBuilds', () => {
  it('takes the shared object that a kernel brings, and runs no compiler for it', async () => {
    for (const compiler of [undefined, absentCompiler]) {
      const build = await new CppBuilds('cpu-native:0', compiler).prepare(brought, descriptor);
      expect(build).toEqual({ entry: 'k', flags: ['-O3'], source: 'text', library: '/app/dist/kernel.so' });
    }
  });

  it('compiles a kernel that brings none, and fails with the reason', async () => {
    await expect(new CppBuilds('cpu-native:0', absentCompiler).prepare(text, descriptor)).rejects.toMatchObject({
      code: 'KERNEL_BUILD_FAILED',
      message: expect.stringContaining('/no/such/compiler') as string,
    });
  });

  it('names both ways to a shared object where there is neither one nor a compiler', async () => {
    await expect(new CppBuilds('cpu-native:0', undefined).prepare(text, descriptor)).rejects.toMatchObject({
      code: 'KERNEL_REFUSED',
      details: { missing: [expect.stringMatching(/gpu-bridge compile.*native\.compiler/) as string] },
    });
  });

  it.each(['kernel.so', './kernel.so', '', '/app/a\nlibrary /b'])('refuses the path %j', async (library) => {
    await expect(
      new CppBuilds('cpu-native:0', absentCompiler).prepare({ ...text, library }, descriptor),
    ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'artifact.library', value: library } });
  });
});
