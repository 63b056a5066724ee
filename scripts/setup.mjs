// Installs and builds what a command needs. Writes to stderr only, so that stdout stays the program's own.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pnpm, root } from './pnpm.mjs';

const stampFile = join(root, 'node_modules', '.installed-lockfile');

/**
 * Installs dependencies, then builds one package and what it needs.
 *
 * @param filter - name of the package to build; without it all are built.
 * @param quiet - true leaves out the progress lines; failures are always printed.
 */
export async function setup({ filter, quiet = false } = {}) {
  await install({ quiet });
  const only = filter ? [`--filter=${filter}`] : [];
  await step('build', ['exec', 'turbo', 'run', 'build', '--output-logs=errors-only', ...only], quiet);
}

/** Installs exactly what the lockfile says, or nothing when it was installed already. */
export async function install({ quiet = false } = {}) {
  const lockfile = createHash('sha256')
    .update(readFileSync(join(root, 'pnpm-lock.yaml')))
    .digest('hex');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === lockfile) return;
  await step('install dependencies', ['install', '--frozen-lockfile'], quiet);
  writeFileSync(stampFile, lockfile);
}

async function step(title, args, quiet) {
  if (!quiet) console.error(`setup: ${title} …`);
  const { code, output } = await pnpm(args, { stdio: ['ignore', 'pipe', 'pipe'] });
  if (code === 0) return;
  console.error(`${output}\nsetup: ${title} failed (exit code ${code})`);
  process.exit(code);
}

if (process.argv[1] === import.meta.filename) await setup();
