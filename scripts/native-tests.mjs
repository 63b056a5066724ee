// The tests of native/: npm run test:native runs them as built, npm run test:native:san also under the sanitizers. The last line
// counts them.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { ensureEngines } from './engines.mjs';
import { root, run } from './pnpm.mjs';
import { setup } from './setup.mjs';

const nativeFolder = join(root, 'native');
const buildFolder = join(nativeFolder, 'build');
const unlessCi = process.env.CI === 'true' ? 1 : 0;

// Drivers are not built with sanitizers and do not follow their rules: what goes through one is left out. The ring of four slots
// is explored without sanitizers, since nothing in it depends on them but the time.
const sanitized = ['--gtest_filter=-*OpenCl*:FourSlots/*'];
const sanitizers = [
  { name: 'address and undefined behaviour', folder: 'asan', flags: 'address,undefined' },
  { name: 'threads', folder: 'tsan', flags: 'thread' },
];
const environment = {
  ASAN_OPTIONS: 'detect_stack_use_after_return=1',
  TSAN_OPTIONS: `suppressions=${join(nativeFolder, 'tests/tsan.supp')} halt_on_error=1`,
  UBSAN_OPTIONS: 'print_stacktrace=1',
};

/**
 * Runs the tests as built for use. Without a native build, because compiler or GoogleTest are missing, it says so.
 *
 * @returns the exit code and the counts.
 */
export async function nativeTests() {
  return build(buildFolder, () => runTests('native tests', buildFolder));
}

/** As {@link nativeTests}, built by each sanitizer. Their builds lie beside the ordinary one and are kept. */
export async function sanitizedNativeTests() {
  const total = { code: 0, passed: 0, failed: 0, skipped: 0 };
  for (const { name, folder, flags } of sanitizers) {
    const binaries = join(buildFolder, folder);
    const options = [`-DGPUBRIDGE_SANITIZE=${flags}`, '-DCMAKE_BUILD_TYPE=None', '-DCMAKE_CXX_FLAGS=-O1 -g'];
    const { code, output } = await quiet('cmake', ['-S', nativeFolder, '-B', binaries, ...options]);
    if (code !== 0) {
      console.error(output);
      return { ...total, code: unlessCi };
    }
    const result = await build(binaries, () => runTests(`native tests, sanitizer of ${name}`, binaries, sanitized));
    for (const key of Object.keys(total)) total[key] += result[key];
    if (result.code !== 0) break;
  }
  return total;
}

async function build(folder, then) {
  const none = { passed: 0, failed: 0, skipped: 0 };
  if (!existsSync(join(folder, 'CMakeCache.txt'))) {
    console.log('skipped: native tests, there is no native build');
    return { code: unlessCi, ...none };
  }
  await quiet('cmake', [folder]); // GoogleTest may be here since the last time.
  const help = await quiet('cmake', ['--build', folder, '--target', 'help']);
  if (!/\btests\b/.test(help.output)) {
    console.log('skipped: native tests, GoogleTest is missing');
    return { code: unlessCi, ...none };
  }
  const jobs = `${availableParallelism()}`;
  const { code, output } = await quiet('cmake', ['--build', folder, '--target', 'tests', '--parallel', jobs]);
  if (code === 0) return then();
  console.error(output);
  return { code, ...none };
}

async function runTests(title, folder, options = []) {
  const report = join(folder, 'native-tests.json');
  rmSync(report, { force: true });
  const { code, output } = await quiet(join(folder, 'bin/native-tests'), [`--gtest_output=json:${report}`, ...options]);
  // A test program that ends early leaves no report, and must not look like one without tests.
  const { tests, failures, disabled, testsuites } = existsSync(report)
    ? JSON.parse(readFileSync(report, 'utf8'))
    : { tests: 1, failures: 1, disabled: 0, testsuites: [] };
  const skipped =
    disabled + testsuites.flatMap((suite) => suite.testsuite).filter((test) => test.result === 'SKIPPED').length;
  if (code !== 0) console.log(output);
  for (const line of output.split('\n')) if (/^ring of|SKIPPED/.test(line)) console.log(`  ${line}`);
  const counts = { passed: tests - failures - skipped, failed: failures, skipped };
  console.log(`${title}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return { code: code === 0 && failures > 0 ? 1 : code, ...counts };
}

function quiet(command, args) {
  return run(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment });
}

if (process.argv[1] === import.meta.filename) {
  await ensureEngines();
  await setup({ filter: '@gpu-bridge/native', quiet: true });
  const results = [await nativeTests()];
  if (process.argv.includes('--sanitizers')) results.push(await sanitizedNativeTests());
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
  process.exitCode = Math.max(...results.map((result) => result.code));
}
