import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const compilerFound = spawnSync('g++', ['--version']).status === 0;

describe('the generated files', () => {
  it('are what the schema says', () => {
    const check = spawnSync(process.execPath, [at('../scripts/generate.mjs'), '--check'], { encoding: 'utf8' });
    expect(check.stderr).toBe('');
    expect(check.status).toBe(0);
  });

  it('include a C++ header that compiles without a warning', ({ skip }) => {
    // In CI a missing compiler is a failure, not a skip.
    if (!compilerFound && process.env['CI'] !== 'true') skip('no g++ on this machine');
    const folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-header-'));
    try {
      const source = join(folder, 'include_twice.cc');
      writeFileSync(
        source,
        '#include "ring_abi.h"\n#include "ring_abi.h"\nint main() { return gpubridge::Sqe{}.seq; }\n',
      );
      const include = at('../../../native/include/gpubridge/generated');
      const flags = ['-std=c++20', '-Wall', '-Wextra', '-Werror', '-fsyntax-only', '-I', include, source];
      const compiled = spawnSync('g++', flags, { encoding: 'utf8' });
      expect(compiled.stderr).toBe('');
      expect(compiled.status).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000);
});
