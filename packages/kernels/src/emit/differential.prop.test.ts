import { expect, it } from 'vitest';
import { FUZZ, FUZZ_TIMEOUT_MS, fuzz } from '../testing/fuzz/run.js';
import { WASM, WASM_SIMD } from '../testing/fuzz/targets.js';

it(
  'random programs give the same bits, counts and violations as WebAssembly, scalar and SIMD, and as JavaScript',
  () => {
    const ran = fuzz([WASM, WASM_SIMD]);
    expect(ran.get(WASM.name)).toBe(FUZZ.count);
    // A generator that no longer makes what lanes can run would go unnoticed.
    expect(ran.get(WASM_SIMD.name)).toBeGreaterThan(FUZZ.count / 5);
  },
  FUZZ_TIMEOUT_MS,
);
