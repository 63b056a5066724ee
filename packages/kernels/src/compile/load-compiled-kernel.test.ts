import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKernelCompiler, loadCompiledKernel } from '../index.js';
import { totals } from '../testing/sample-kernels.js';
import { loadFor } from './load-compiled-kernel.js';
import type { BuiltFile, KernelManifest } from './load-compiled-kernel.js';
import { nativeBaseline } from './native-baseline.js';
import type { Machine } from './native-baseline.js';
import { packKernel, sha256 } from './packed-kernel.js';

const compiled = createKernelCompiler().compile(totals, { targets: ['wasm', 'js', 'cpp'] });
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
    write({ built: undefined });
    refuses(/no manifest/);
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

describe('the shared object of a kernel', () => {
  const machine = (arch: string, os = 'linux'): Machine => ({
    ...{ os, arch },
    extensions: () => new Set(['fpu', ...nativeBaseline({ os, arch })!.extensions, 'avx512f']),
  });
  const text = 'a shared object';
  const built = (platform: string): BuiltFile => ({
    ...{ from: 'cpp', kind: 'shared-object', platform, file: `kernel.${platform}.so`, sha256: sha256(text) },
  });
  const ptx: BuiltFile = { from: 'cuda', kind: 'ptx', platform: 'compute_75', file: 'kernel.ptx', sha256: '' };

  function provide(...files: readonly BuiltFile[]): void {
    for (const { file } of files) writeFileSync(join(folder, file), text);
    write({ built: [ptx, ...files] });
  }

  /** What the artifacts name, by target. */
  function librariesOn(where: Machine): Record<string, unknown> {
    const { artifacts } = loadFor(where, path);
    return Object.fromEntries(
      artifacts.map((artifact) => [artifact.target, 'library' in artifact && artifact.library]),
    );
  }

  it('is named by the C++ artifact alone, for the platform of the machine', () => {
    provide(built('linux-arm64-v8'), built('linux-x64-v3'));
    const named = (platform: string) => ({ wasm: false, js: false, cpp: join(folder, `kernel.${platform}.so`) });
    expect(librariesOn(machine('x64'))).toEqual(named('linux-x64-v3'));
    expect(librariesOn(machine('arm64'))).toEqual(named('linux-arm64-v8'));
    rmSync(join(folder, 'kernel.linux-arm64-v8.so'));
    expect(librariesOn(machine('x64'))).toEqual(named('linux-x64-v3')); // the others need not be there
  });

  it('is left out where it would not run', () => {
    provide(built('linux-x64-v3'), built('linux-x64'));
    const without = (missing: string): Machine => {
      const present = new Set(machine('x64').extensions());
      present.delete(missing);
      return { ...machine('x64'), extensions: () => present };
    };
    const others = [
      machine('arm64'),
      machine('x64', 'darwin'),
      { ...machine('x64'), arch: 'riscv64' },
      ...['avx2', 'fma', 'bmi2', 'abm'].map(without),
    ];
    for (const other of others) expect(loadFor(other, path)).toEqual(compiled);
  });

  it('is refused where it is missing, changed, or not beside the manifest', () => {
    const refusal = (): string => errorOf(() => loadFor(machine('x64'), path)).details.reason;
    provide(built('linux-x64-v3'));
    writeFileSync(join(folder, 'kernel.linux-x64-v3.so'), 'something else');
    expect(refusal()).toMatch(/linux-x64-v3\.so is not what its hash says/);
    rmSync(join(folder, 'kernel.linux-x64-v3.so'));
    expect(refusal()).toMatch(/linux-x64-v3\.so cannot be read/);
    write({ built: [{ ...built('linux-x64-v3'), file: '../kernel.so' }] });
    expect(refusal()).toMatch(/outside its folder/);
  });

  it('is not packed: a bundle goes to other machines', () => {
    provide(built('linux-x64-v3'));
    expect(packKernel(totals, loadFor(machine('x64'), path))).toEqual(packed);
  });
});
