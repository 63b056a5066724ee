import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gpuBridge } from '@gpu-bridge/unplugin';
import { build as esbuild } from 'esbuild';
import type { BuildFailure } from 'esbuild';
import { build as tsup } from 'tsup';
import { build as vite } from 'vite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const packageOf = (name: string): string => fileURLToPath(new URL(`../../packages/${name}`, import.meta.url));

let project: string;
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'gpu-bridge-unplugin-'));
  mkdirSync(join(project, 'node_modules/@gpu-bridge'), { recursive: true });
  symlinkSync(packageOf('kernels'), join(project, 'node_modules/@gpu-bridge/kernels'));
  write('package.json', '{ "type": "module" }');
  write('step.ts', 'export const STEP: number = 7;\n');
  write('half.ts', HALF);
  write('kernels.ts', KERNELS);
  write('main.ts', MAIN);
  write('no-parser.js', NO_PARSER);
});
afterEach(() => rmSync(project, { recursive: true }));

function write(file: string, text: string): void {
  writeFileSync(join(project, file), text);
}
const path = (file: string): string => join(project, file);

const HALF = `import { helper, u32 } from '@gpu-bridge/kernels';
export const half = helper('half', { args: { x: u32 }, returns: u32 }, (k, { x }) => x / 2);
`;
const KERNELS = `import { constant, input, mapKernel, output, specialize, u32 } from '@gpu-bridge/kernels';
import * as gpu from '@gpu-bridge/kernels';
import { half } from './half';
import { STEP } from './step';

const plus = mapKernel(
  'demo/plus',
  { params: { x: input(u32), y: output(u32) }, constants: { STEP: constant(u32, STEP) }, uses: { half } },
  (k, { x, y }) => {
    const value: u32 = k.uses.half({ x: x as number });
    y.value = value! + k.constants.STEP;
  },
);
const made = [1, 2].map((n) =>
  gpu.mapKernel('demo/made', { params: { y: output(u32) }, constants: { N: constant(u32, n) } }, (k, { y }) => {
    y.value = k.constants.N;
  }),
);
export const kernels = [plus, specialize(plus, { STEP: 9 }), ...made];
export const explode = () => {
  throw new Error('here');
};
`;
const MAIN = `import { createKernelCompiler } from '@gpu-bridge/kernels';
import { explode, kernels } from './kernels';
const compiler = createKernelCompiler();
console.log(JSON.stringify(kernels.map((kernel) => compiler.compile(kernel).descriptor.id)));
if (process.argv[2] === 'explode') explode();
`;
/** Stands for acorn: loads, and fails as soon as something is parsed. */
const NO_PARSER = `const refuse = () => { throw new Error('something was parsed'); };
export { refuse as parseExpressionAt, refuse as tokenizer };
`;

/** Runs a bundle; its standard output, or its error. */
function run(file: string): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' });
  return status === 0 ? stdout : stderr;
}

async function bundle(outfile: string, withPlugin: boolean, parser: 'acorn' | 'none'): Promise<string> {
  await esbuild({
    entryPoints: [path('main.ts')],
    outfile: path(outfile),
    ...{ bundle: true, minify: true, format: 'esm', platform: 'node', target: 'node20' },
    ...(parser === 'none' ? { alias: { acorn: path('no-parser.js') } } : {}),
    plugins: withPlugin ? [gpuBridge.esbuild()] : [],
  });
  return run(path(outfile));
}

describe('the bundler plugin', () => {
  it('leaves nothing to parse at run time in a minified esbuild bundle', async () => {
    expect(await bundle('plain.mjs', false, 'none')).toContain('something was parsed');
    const compiled = await bundle('compiled.mjs', true, 'none');
    const parsed = await bundle('parsed.mjs', false, 'acorn');
    expect(JSON.parse(compiled)).toHaveLength(4);
    expect(compiled).toBe(parsed);
  });

  it('serves tsup and vite', async () => {
    const withoutPlugin = await bundle('parsed.mjs', false, 'acorn');
    await tsup({
      entry: [path('main.ts')],
      outDir: path('tsup'),
      ...{ format: 'esm', minify: true, silent: true, config: false, noExternal: [/.*/], platform: 'node' },
      esbuildOptions: (options) => void (options.alias = { acorn: path('no-parser.js') }),
      esbuildPlugins: [gpuBridge.esbuild()],
    });
    expect(
      run(
        join(
          path('tsup'),
          readdirSync(path('tsup')).find((name) => name.startsWith('main'))!,
        ),
      ),
    ).toBe(withoutPlugin);
    await vite({
      root: project,
      configFile: false,
      logLevel: 'silent',
      resolve: { alias: { acorn: path('no-parser.js') } },
      ssr: { noExternal: true },
      build: { ssr: path('main.ts'), outDir: path('vite'), minify: true },
      plugins: [gpuBridge.vite()],
    });
    const [name] = readdirSync(path('vite')).filter((file) => file.startsWith('main'));
    expect(run(join(path('vite'), name!))).toBe(withoutPlugin);
  });

  it('makes findings of kernels into errors of the build, at their place in the source', async () => {
    write(
      'kernels.ts',
      KERNELS.replace('value! + k.constants.STEP', 'value! + missing').replace('= k.constants.N', '= 1.5'),
    );
    const failure = await bundle('wrong.mjs', true, 'acorn').then(
      () => expect.unreachable(),
      (e: unknown) => e as BuildFailure,
    );
    const [error] = failure.errors;
    expect(error?.text).toMatch(/kernels\.ts:11:24 free-name: [^]*kernels\.ts:16:15 literal-range: /);
    expect(error?.location).toMatchObject({
      file: expect.stringMatching(/kernels\.ts$/) as string,
      line: 11,
      column: 23,
    });
  });

  it('leaves modules alone that define no kernel, and keeps the lines of those that do', async () => {
    await esbuild({
      entryPoints: [path('main.ts')],
      outfile: path('mapped.mjs'),
      ...{ bundle: true, packages: 'external', format: 'esm', platform: 'node', target: 'node20', sourcemap: true },
      plugins: [gpuBridge.esbuild()],
    });
    const { stderr } = spawnSync(process.execPath, ['--enable-source-maps', path('mapped.mjs'), 'explode'], {
      encoding: 'utf8',
    });
    const line = KERNELS.split('\n').findIndex((text) => text.includes('throw')) + 1;
    expect(stderr).toContain(`kernels.ts:${line}:9`);
    expect(readFileSync(path('mapped.mjs'), 'utf8')).toContain('helper("half", { args: { x: u32 }');
  });
});
