import { fileURLToPath } from 'node:url';
import { defineConfig } from 'tsup';

export interface LibraryBuild {
  /** Source files that become files of `dist/`; default `src/index.ts`. */
  readonly entry?: readonly string[];
  /** False for programs nobody imports. */
  readonly dts?: boolean;
}

// tsup reads `typeRoots` of the inherited tsconfig as if they lay in the package.
const typeRoots = ['types', 'node_modules/@types'].map((dir) => fileURLToPath(new URL(dir, import.meta.url)));

/** The one build of every package. It stays this small because tsup is to be replaced by tsdown some day. */
export function defineLibrary({ entry = ['src/index.ts'], dts = true }: LibraryBuild = {}) {
  return defineConfig({
    entry: [...entry],
    format: 'esm',
    target: 'node20',
    platform: 'node',
    dts: dts && { compilerOptions: { typeRoots } },
    sourcemap: true,
    clean: true,
    silent: true,
  });
}
