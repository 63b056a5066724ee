// Builds the addon and the device host into build/bin. Without cmake or a C++ compiler it says so and ends well, except where
// CI=true: the CPU backend of compute-cpu needs neither.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const folder = import.meta.dirname;
const buildFolder = join(folder, 'build');
const cmakeJs = join(createRequire(import.meta.url).resolve('cmake-js/package.json'), '..', 'bin', 'cmake-js');

const absent = ['cmake', 'g++'].filter((program) => spawnSync(program, ['--version']).error !== undefined);
if (absent.length > 0) {
  console.error(`skipped: native build, no ${absent.join(' and no ')} here`);
  process.exit(process.env.CI === 'true' ? 1 : 0);
}

// A cache that came along with a copied working tree builds the other tree.
const cache = readCache();
if (cache !== null && !cache.includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${folder}\n`))
  rmSync(buildFolder, { recursive: true });
// Not `compile`, which answers every compile error by deleting the build folder and building all of it again.
if (!readCache()?.includes('\nCMAKE_JS_INC:')) run('configure');
run('build');

function readCache() {
  try {
    return readFileSync(join(buildFolder, 'CMakeCache.txt'), 'utf8');
  } catch {
    return null;
  }
}

function run(command) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cmakeJs, command], { cwd: folder, encoding: 'utf8' });
  for (const line of stdout.split('\n')) if (line.includes('skipped: ')) console.error(line);
  if (status === 0) return;
  console.error(`${stdout}\n${stderr}`);
  process.exit(1);
}
