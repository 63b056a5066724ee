import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { compileLibrary } from './compile-library.js';

const file = fileURLToPath(new URL('./generated/math-functions.ts', import.meta.url));

describe('the compiled math library', () => {
  it('is what its sources compile to', () => {
    const current = compileLibrary();
    if (process.env['UPDATE_LIBRARY'] === '1') writeFileSync(file, current);
    const stale =
      'stale: UPDATE_LIBRARY=1 npx vitest run packages/kernels/src/library/compile-library.test.ts writes it';
    // Not toBe: the difference of two long lines helps nobody.
    expect(readFileSync(file, 'utf8') === current, stale).toBe(true);
  });
});
