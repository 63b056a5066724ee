// Every check of the repository; stops at the first step that fails and says which.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { nativeTests } from './native-tests.mjs';
import { pnpm, root } from './pnpm.mjs';

const reportFile = join(root, 'node_modules', '.vitest-report.json');

let native = { code: 0, passed: 0, failed: 0, skipped: 0 };

const steps = {
  build: () => pnpm(['run', 'build', '--output-logs=errors-only']),
  typecheck: () => pnpm(['run', 'typecheck', '--output-logs=errors-only']),
  lint: () => pnpm(['run', 'lint']),
  depcruise: () => pnpm(['run', 'depcruise']),
  knip: () => pnpm(['run', 'knip']),
  // Before vitest, whose tests of the addon drive a program that is built here.
  native: async () => (native = await nativeTests()),
  vitest: () =>
    pnpm(['exec', 'vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`]),
};

/** Runs the steps; returns the exit code of the first that failed, or 0. */
export async function verify() {
  rmSync(reportFile, { force: true });
  for (const [name, step] of Object.entries(steps)) {
    console.log(`verify: ${name}`);
    const { code } = await step();
    if (code !== 0) {
      console.log(`verify: ${name} failed (exit code ${code})`);
      return code;
    }
  }
  return 0;
}

/** The counts of the last `verify`, or null when it did not come as far as the tests. */
export function testCounts() {
  let report;
  try {
    report = JSON.parse(readFileSync(reportFile, 'utf8'));
  } catch {
    return null;
  }
  // A file that fails to load has no tests of its own to fail, and must not look like a green run.
  const unloaded = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  return {
    passed: report.numPassedTests + native.passed,
    failed: report.numFailedTests + unloaded.length + native.failed,
    skipped: report.numPendingTests + report.numTodoTests + native.skipped,
  };
}

if (process.argv[1] === import.meta.filename) process.exitCode = await verify();
