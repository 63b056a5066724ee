import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { IR_VERSION } from '../ir/nodes.js';
import packageJson from '../../package.json' with { type: 'json' };

/** Version of this package, as it is stamped on what it compiles. */
export const COMPILER_VERSION: string = packageJson.version;

/** Tells one build of the compiler from another, also where the version has not changed: for caches on this machine. */
export function compilerBuild(): string {
  const { size, mtimeMs } = statSync(fileURLToPath(import.meta.url));
  return `${COMPILER_VERSION} ir ${IR_VERSION} build ${size}-${mtimeMs}`;
}
