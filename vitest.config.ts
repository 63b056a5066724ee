import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const exclude = ['**/node_modules/**', '**/dist/**'];
const suffixes = ['**/*.prop.test.ts', '**/*.sim.test.ts'];

/** What every project shares; inline projects inherit nothing by themselves. */
const shared = {
  exclude,
  // Outcomes are asserted, never times: these limits only end what hangs, also on a busy machine.
  testTimeout: 120_000,
  hookTimeout: 120_000,
  expect: { poll: { timeout: 60_000 } },
  setupFiles: [fileURLToPath(new URL('tests/support/property-seed.ts', import.meta.url))],
};
const withoutSuffixes = { ...shared, exclude: [...exclude, ...suffixes] };

/** One project per kind of test, told apart by suffix: `vitest run --project unit`. */
export default defineConfig({
  test: {
    // Many tests mostly wait. Left to itself, vitest takes one worker on two cores.
    maxWorkers: 2,
    projects: [
      { test: { ...withoutSuffixes, name: 'unit', include: ['{packages,samples,bench}/**/*.test.ts'] } },
      { test: { ...shared, name: 'property', include: ['**/*.prop.test.ts'] } },
      { test: { ...withoutSuffixes, name: 'integration', include: ['tests/**/*.test.ts'] } },
      { test: { ...shared, name: 'simulation', include: ['tests/**/*.sim.test.ts'] } },
      {
        // The types of kernels must serve authors with and without noUncheckedIndexedAccess.
        test: {
          name: 'types-strict',
          include: [],
          exclude,
          typecheck: {
            enabled: true,
            only: true,
            include: ['packages/kernels/**/*.test-d.ts'],
            exclude,
            tsconfig: './tsconfig.strict.json',
          },
        },
      },
      {
        test: {
          name: 'types',
          include: [],
          exclude,
          typecheck: { enabled: true, only: true, include: ['**/*.test-d.ts'], exclude, tsconfig: './tsconfig.json' },
        },
      },
    ],
  },
});
