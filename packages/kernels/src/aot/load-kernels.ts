import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { HelperDefinition, KernelDefinition } from '@gpu-bridge/abstractions';
import { build } from 'esbuild';
import type { BuildFailure, Loader, Plugin } from 'esbuild';
import { SourceModule, insert, syntaxErrors } from './source-module.js';

export interface LoadOptions {
  /** Specifiers the authoring functions are imported from; default `@gpu-bridge/kernels`. */
  readonly modules?: readonly string[];
  /** Texts to use instead of what the files hold, by absolute path. */
  readonly texts?: ReadonlyMap<string, string>;
}

/** A kernel that a module defines when it is loaded. */
export interface SourceKernel {
  readonly definition: KernelDefinition;
  /** Absolute path of the file with the defining call, and the call's position in `SourceModule.calls` of it. */
  readonly file: string;
  readonly call: number;
}

export interface LoadedKernels {
  readonly kernels: readonly SourceKernel[];
  /** Absolute paths of the files that decide what the kernels are: those given, and what they import by relative path. */
  readonly files: readonly string[];
}

/**
 * The kernels that some source files, and the files they import by relative path, define. Runs the top level of the files
 * in this process, never a kernel's body; bodies are taken from the source text, so that findings have its positions.
 *
 * @throws GpuBridgeError `KERNEL_BUILD_FAILED` for a file that does not parse, resolve or exist; what the top level of a
 *   file throws.
 */
export async function loadKernels(files: readonly string[], options: LoadOptions = {}): Promise<LoadedKernels> {
  const modules = new Set(options.modules ?? ['@gpu-bridge/kernels']);
  const sources = new Map<string, SourceModule>();
  const folder = await mkdtemp(join(tmpdir(), 'gpu-bridge-'));
  try {
    const outfile = join(folder, 'kernels.mjs');
    // Exported, because an import for its effects alone is dropped in packages that say they have none.
    const entry = files.map((file, i) => `export * as file${i} from ${JSON.stringify(resolve(file))};`);
    await bundle([...entry, `export { made } from '${CALLS}';`].join('\n'), outfile, [
      callsPlugin(sources, modules, options.texts ?? new Map()),
    ]);
    const { made } = (await import(pathToFileURL(outfile).href)) as { made: readonly Made[] };
    const kernels = made.flatMap(({ value, file, call }) => {
      if (!isDefinition(value)) return [];
      if (typeof value.body === 'function') sources.get(file)?.adoptBody(call, value.body);
      return value.kind === 'helper' ? [] : [{ definition: value, file, call }];
    });
    return { kernels, files: [...sources.keys()] };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Made {
  readonly value: unknown;
  readonly file: string;
  readonly call: number;
}

function isDefinition(value: unknown): value is KernelDefinition | HelperDefinition {
  const kind = (value as { kind?: unknown } | null)?.kind;
  return kind === 'map' || kind === 'grid' || kind === 'helper';
}

async function bundle(entry: string, outfile: string, plugins: Plugin[]): Promise<void> {
  try {
    await build({
      stdin: { contents: entry, resolveDir: process.cwd(), loader: 'js' },
      outfile,
      plugins,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      logLevel: 'silent',
    });
  } catch (e) {
    const { errors } = e as Partial<BuildFailure>;
    const [first] = errors ?? [];
    if (errors === undefined || first === undefined) throw e;
    // A plugin's own errors, such as files that do not parse, come through as they were.
    const details = errors.map(({ detail }) => detail as unknown).filter((detail) => detail instanceof Error);
    const parsing = details.flatMap((d) => (GpuBridgeError.is(d, 'KERNEL_BUILD_FAILED') ? d.details.diagnostics : []));
    if (parsing.length > 0) throw syntaxErrors(parsing);
    if (details[0]) throw details[0];
    throw syntaxErrors(
      errors.map(({ text, location }) => ({
        rule: 'syntax',
        message: text,
        file: location?.namespace === 'file' ? resolve(location.file) : (location?.file ?? 'input'),
        line: location?.line ?? 1,
        column: (location?.column ?? 0) + 1,
      })),
    );
  }
}

/** Virtual module that collects what the defining calls return. */
const CALLS = 'gpu-bridge:calls';
const RECEIVER = '__gpuBridgeMade';
const LOADERS: Readonly<Record<string, Loader>> = {
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.tsx': 'tsx',
  '.js': 'js',
  '.mjs': 'js',
  '.cjs': 'js',
  '.jsx': 'jsx',
};

function callsPlugin(
  sources: Map<string, SourceModule>,
  modules: ReadonlySet<string>,
  texts: ReadonlyMap<string, string>,
): Plugin {
  return {
    name: 'gpu-bridge-calls',
    setup(build) {
      build.onResolve({ filter: /^gpu-bridge:calls$/ }, () => ({ path: CALLS, namespace: 'gpu-bridge' }));
      build.onLoad({ filter: /.*/, namespace: 'gpu-bridge' }, () => ({
        contents: `export const made = [];
          export const ${RECEIVER} = (value, file, call) => (made.push({ value, file, call }), value);`,
      }));
      // Packages stay where they are: the bundle runs in a temporary folder and imports them by address.
      build.onResolve({ filter: /^[^./]/ }, async ({ path, resolveDir, kind, pluginData }) => {
        if (pluginData === RECEIVER || isAbsolute(path) || path.startsWith('node:')) return undefined;
        const found = await build.resolve(path, { resolveDir, kind, pluginData: RECEIVER });
        if (found.errors.length > 0) return { errors: found.errors };
        if (found.external || extname(found.path) in TYPESCRIPT) return found;
        return { path: pathToFileURL(found.path).href, external: true };
      });
      build.onLoad({ filter: /\.[cm]?[jt]sx?$/, namespace: 'file' }, async ({ path }) => {
        const loader = LOADERS[extname(path)] ?? 'ts';
        try {
          const text = texts.get(path) ?? (await readFile(path, 'utf8'));
          const source = new SourceModule(path, text, modules);
          sources.set(path, source);
          const contents = insert(text, [...source.callsHandedTo(RECEIVER), ...source.ownAddress()]);
          // At the end, where it moves no line.
          return { contents: `${contents}\nimport { ${RECEIVER} } from '${CALLS}';`, loader };
        } catch (detail) {
          return { errors: [{ text: String(detail), detail }] };
        }
      });
    },
  };
}

const TYPESCRIPT: Readonly<Record<string, true>> = { '.ts': true, '.mts': true, '.cts': true, '.tsx': true };
