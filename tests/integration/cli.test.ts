import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { createKernelCompiler, loadCompiledKernel } from '@gpu-bridge/kernels';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { blackScholes } from '../support/compute-kernels.js';

const PROGRAM = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url));
const KERNELS = fileURLToPath(new URL('../../packages/kernels', import.meta.url));
const SUPPORT = fileURLToPath(new URL('../support/compute-kernels.ts', import.meta.url));

let project: string;
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'gpu-bridge-cli-'));
  mkdirSync(join(project, 'node_modules/@gpu-bridge'), { recursive: true });
  symlinkSync(KERNELS, join(project, 'node_modules/@gpu-bridge/kernels'));
});
afterEach(() => rmSync(project, { recursive: true }));

function write(file: string, text: string): void {
  mkdirSync(join(project, file, '..'), { recursive: true });
  writeFileSync(join(project, file), text);
}

function gpuBridge(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [PROGRAM, ...args], { cwd: project, encoding: 'utf8' });
}

function expectFailure(outcome: ReturnType<typeof gpuBridge>, status: number, message: RegExp): void {
  expect(outcome.stderr).toMatch(message);
  expect(outcome.status).toBe(status);
}

const PLUS = `import { gridKernel, input, output, u32, constant } from '@gpu-bridge/kernels';
import { STEP } from './step';
export const plus = gridKernel(
  'demo/plus',
  { params: { a: input(u32), b: output(u32) }, constants: { STEP: constant(u32, STEP) } },
  (k, { a, b }) => {
    const i = k.global.x;
    if (i < b.length) b[i] = (a[i]! as number satisfies number) + k.constants.STEP;
  },
);
`;

describe('gpu-bridge compile', () => {
  it('writes a manifest and artifacts that load as the kernel which the running text compiles to', () => {
    write('compute.ts', readFileSync(SUPPORT, 'utf8'));
    const { status, stdout, stderr } = gpuBridge('compile', 'compute.ts', '--out', 'out', '--targets', 'wasm,js');
    expect([stderr, status]).toEqual(['', 0]);
    expect(stdout).toMatch(/^kernel +wasm +js +requires/);
    const index = JSON.parse(readFileSync(join(project, 'out/index.json'), 'utf8')) as {
      name: string;
      manifest: string;
    }[];
    expect(index.map(({ name }) => name)).toContain('compute/black-scholes');
    const { manifest } = index.find(({ name }) => name === 'compute/black-scholes')!;
    const loaded = loadCompiledKernel(join(project, 'out', manifest));
    expect(loaded).toEqual(createKernelCompiler().compile(blackScholes));
    const written = JSON.parse(readFileSync(join(project, 'out', manifest), 'utf8')) as {
      format: number;
      source: string;
    };
    expect(written.format).toBe(2);
    expect(written.source).toMatch(/^[0-9a-f]{64}$/);
  });

  it('follows relative imports, takes globs, and never runs a body', () => {
    write(
      'src/plus.kernel.ts',
      PLUS.replace('(k, { a, b }) => {', '(k, { a, b }) => {\n    if (k.global.x > 4000000000) return;'),
    );
    write('src/step.ts', 'export const STEP: number = 7;\n');
    write('src/deep/other.kernel.ts', PLUS.replace('./step', '../step').replace('demo/plus', 'demo/other'));
    const { status, stdout } = gpuBridge(
      'compile',
      'src/**/*.kernel.ts',
      '--out',
      'out',
      '--json',
      '--targets',
      'wasm',
    );
    expect(status).toBe(0);
    const { kernels } = JSON.parse(stdout) as { kernels: { name: string; artifacts: { file: string }[] }[] };
    expect(kernels.map(({ name }) => name).sort()).toEqual(['demo/other', 'demo/plus']);
    for (const { artifacts } of kernels) expect(existsSync(join(project, artifacts[0]!.file))).toBe(true);
  });

  it('prints every finding with its place in the TypeScript source, and writes the other kernels', () => {
    write('step.ts', 'export const STEP = 7;\n');
    write('plus.ts', PLUS);
    write(
      'wrong.ts',
      `import * as gpu from '@gpu-bridge/kernels';
type Wide = { readonly ünïcödé: '😀 é' };
export const label: Wide['ünïcödé'] = '😀 é';
const half = /* 😀 */ gpu.helper('half', { args: { x: gpu.f32 }, returns: gpu.f32 }, (k, { x }) => x * k.f64(2));
export const wrong = gpu.mapKernel('demo/wrong', { params: { x: gpu.input(gpu.f32), y: gpu.output(gpu.f32) }, uses: { half } }, (k, { x, y }) => {
  const v = (x as number)!;
  y.value = k.uses.half({ x: v });
  /* 😀 */ y.value = outside;
});
`,
    );
    const { status, stdout, stderr } = gpuBridge('compile', 'wrong.ts', 'plus.ts', '--out', 'out');
    expect(status).toBe(1);
    expect(stderr.split('\n').map((line) => line.split(': ')[0])).toEqual([
      'wrong.ts:4:100 type-mismatch',
      'wrong.ts:8:22 free-name',
      '',
    ]);
    expect(stdout).toContain('demo/plus@');
  });

  it('names the position where a file does not parse or an import does not resolve', () => {
    write('broken.ts', 'export const x = 1;\nconst y = = 2;\n');
    expectFailure(gpuBridge('compile', 'broken.ts', '--out', 'out'), 1, /^broken\.ts:2:11 syntax: /);
    write('plus.ts', PLUS);
    expectFailure(gpuBridge('compile', 'plus.ts', '--out', 'out'), 1, /^plus\.ts:2:\d+ syntax: .*\.\/step/);
  });

  it('says what is wrong with the command line, with exit code 2', () => {
    write('plus.ts', PLUS);
    const refuses = (message: RegExp, ...args: string[]): void => expectFailure(gpuBridge(...args), 2, message);
    refuses(/no command/);
    refuses(/unknown command 'build'/, 'build');
    refuses(/--out DIR is missing/, 'compile', 'plus.ts');
    refuses(/no files/, 'compile', '--out', 'out');
    refuses(/no file matches gone\.ts, \*\.none/, 'compile', 'gone.ts', 'plus.ts', '*.none', '--out', 'out');
    refuses(
      /unknown target 'metal'; there are wasm, js/,
      'compile',
      'plus.ts',
      '--out',
      'out',
      '--targets',
      'wasm,metal',
    );
    refuses(/--what/, 'compile', 'plus.ts', '--what');
  });

  it('fails where the files define no kernel', () => {
    write('none.ts', 'export const answer = 42;\n');
    expect(gpuBridge('compile', 'none.ts', '--out', 'out')).toMatchObject({
      status: 1,
      stderr: 'no kernels in none.ts\n',
    });
  });

  it('prints its usage on request', () => {
    const { status, stdout } = gpuBridge('--help');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^gpu-bridge compile/);
  });
});
