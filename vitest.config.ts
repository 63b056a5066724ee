import { defineConfig } from 'vitest/config';

const exclude = ['**/node_modules/**', '**/dist/**'];
const suffixes = ['**/*.prop.test.ts', '**/*.sim.test.ts'];

/** One project per kind of test, told apart by suffix: `vitest run --project unit`. */
export default defineConfig({
  test: {
    // Outcomes are asserted, never times: these limits only end what hangs, also on a busy machine.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    projects: [
      {
        test: { name: 'unit', include: ['{packages,samples,bench}/**/*.test.ts'], exclude: [...exclude, ...suffixes] },
      },
      { test: { name: 'property', include: ['**/*.prop.test.ts'], exclude } },
      { test: { name: 'integration', include: ['tests/**/*.test.ts'], exclude: [...exclude, ...suffixes] } },
      { test: { name: 'simulation', include: ['tests/**/*.sim.test.ts'], exclude } },
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
