/** What bundlers, minifiers and coverage tools make of a module before its kernels are compiled at run time. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, transformSync } from 'esbuild';
import type { BuildOptions, Plugin } from 'esbuild';
import { createInstrumenter } from 'istanbul-lib-instrument';
import { minify } from 'terser';
import type { MinifyOptions } from 'terser';

export interface Form {
  readonly name: string;
  readonly bundle?: BuildOptions;
  readonly terser?: MinifyOptions;
  readonly instrumented?: boolean;
}

const AGGRESSIVE: MinifyOptions = {
  module: true,
  ecma: 2020,
  compress: {
    ...{ passes: 3, hoist_props: true, keep_fargs: false, booleans: true },
    ...{ sequences: 200, inline: 3, toplevel: true, unsafe: false },
  },
  mangle: { toplevel: true },
};

export const forms: readonly Form[] = [
  { name: 'ESM bundle' },
  { name: 'CommonJS bundle', bundle: { format: 'cjs' } },
  { name: 'bundle that keeps names', bundle: { keepNames: true } },
  { name: 'esbuild --minify', bundle: { minify: true } },
  { name: 'esbuild --minify, CommonJS, names kept', bundle: { minify: true, format: 'cjs', keepNames: true } },
  { name: 'terser', terser: { module: true } },
  { name: 'terser, aggressive', terser: AGGRESSIVE },
  { name: 'esbuild, then terser', bundle: { minify: true }, terser: AGGRESSIVE },
  { name: 'Istanbul', instrumented: true },
  { name: 'Istanbul, then esbuild --minify', instrumented: true, bundle: { minify: true } },
  { name: 'Istanbul, then terser', instrumented: true, terser: AGGRESSIVE },
];

/** Loads a module in one of the forms; packages it imports stay as they are. */
export async function loadForm(file: string, { bundle, terser, instrumented = false }: Form): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-forms-'));
  try {
    const isCommonJs = bundle?.format === 'cjs';
    const outfile = join(folder, isCommonJs ? 'module.cjs' : 'module.mjs');
    await build({
      entryPoints: [file],
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      ...bundle,
      plugins: [packagesByAddress(isCommonJs), ...(instrumented ? [istanbul] : [])],
    });
    if (terser) {
      const { code } = await minify(readFileSync(outfile, 'utf8'), terser);
      writeFileSync(outfile, code ?? '');
    }
    if (isCommonJs) return createRequire(outfile)(outfile) as object;
    return (await import(pathToFileURL(outfile).href)) as object;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The output lies in a temporary folder, where names of packages mean nothing. */
function packagesByAddress(isCommonJs: boolean): Plugin {
  return {
    name: 'packages-by-address',
    setup(build) {
      build.onResolve({ filter: /^@gpu-bridge\// }, ({ path }) => {
        const url = import.meta.resolve(path);
        return { path: isCommonJs ? fileURLToPath(url) : url, external: true };
      });
    },
  };
}

const istanbul: Plugin = {
  name: 'istanbul',
  setup(build) {
    const instrumenter = createInstrumenter({ esModules: true, compact: false });
    build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const { code } = transformSync(readFileSync(path, 'utf8'), { loader: extname(path) === '.ts' ? 'ts' : 'js' });
      return { contents: instrumenter.instrumentSync(code, path), loader: 'js' };
    });
  },
};
