import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';

/** The files that paths and globs name, each once and absolute, and the patterns that name none. */
export async function findFiles(
  patterns: readonly string[],
  cwd: string,
): Promise<{ readonly files: readonly string[]; readonly missing: readonly string[] }> {
  const files = new Set<string>();
  const missing: string[] = [];
  for (const pattern of patterns) {
    const path = resolve(cwd, pattern);
    const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
    const found = isFile
      ? [path]
      : isDynamicPattern(pattern)
        ? await glob(pattern, { cwd, absolute: true, ignore: ['**/node_modules/**'] })
        : [];
    if (found.length === 0) missing.push(pattern);
    for (const file of found.sort()) files.add(resolve(file));
  }
  return { files: [...files], missing };
}
