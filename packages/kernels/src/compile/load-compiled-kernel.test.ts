import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKernelCompiler, loadCompiledKernel } from '../index.js';
import { totals } from '../testing/sample-kernels.js';
import type { KernelManifest } from './load-compiled-kernel.js';
import { packKernel } from './packed-kernel.js';

const compiled = createKernelCompiler().compile(totals);
const packed = packKernel(totals, compiled);
let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-manifest-'));
  path = join(folder, 'manifest.json');
  for (const { target, content } of packed.artifacts) {
    writeFileSync(join(folder, `kernel.${target}`), Buffer.from(content, target === 'wasm' ? 'base64' : 'utf8'));
  }
  write({});
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(changes: Partial<KernelManifest>): void {
  const artifacts = packed.artifacts.map(({ content: _, ...details }) => ({
    ...details,
    file: `kernel.${details.target}`,
  }));
  const manifest: KernelManifest = { ...packed, artifacts, built: [], tools: {}, ...changes };
  writeFileSync(path, JSON.stringify(manifest));
}

function errorOf(step: () => unknown): GpuBridgeError<'KERNEL_ARTIFACT_INVALID'> {
  try {
    step();
  } catch (e) {
    if (GpuBridgeError.is(e, 'KERNEL_ARTIFACT_INVALID')) return e;
    throw e;
  }
  throw new Error('nothing was refused');
}

describe('loadCompiledKernel', () => {
  it('gives the kernel that was written', () => {
    expect(loadCompiledKernel(path)).toEqual(compiled);
  });

  it('refuses what is missing, changed or of another version, each with a typed error that says so', () => {
    const refuses = (reason: RegExp): void => {
      const error = errorOf(() => loadCompiledKernel(path));
      expect(error.details.path).toBe(path);
      expect(error.details.reason).toMatch(reason);
    };
    write({ irVersion: 1 });
    refuses(/compiled for IR version 1/);
    write({ format: 3 });
    refuses(/format is 3/);
    write({ artifacts: [{ ...packed.artifacts[0]!, file: '../../kernel.wasm' }] });
    refuses(/outside its folder/);
    write({});
    writeFileSync(join(folder, 'kernel.js'), 'something else');
    refuses(/js artifact is not what its hash says/);
    rmSync(join(folder, 'kernel.wasm'));
    refuses(/kernel\.wasm cannot be read/);
    writeFileSync(path, '{}');
    refuses(/no manifest/);
    writeFileSync(path, 'null');
    refuses(/no manifest/);
    writeFileSync(path, '{');
    refuses(/not JSON/);
    rmSync(path);
    refuses(/cannot be read/);
  });
});
