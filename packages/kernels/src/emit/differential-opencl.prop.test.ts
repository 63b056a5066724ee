import { describe, expect, it } from 'vitest';
import { FUZZ, FUZZ_TIMEOUT_MS, fuzz } from '../testing/fuzz/run.js';
import { OPENCL } from '../testing/fuzz/targets.js';

describe.skipIf(!OPENCL.isPresent())('random programs on OpenCL', () => {
  it(
    'give the bits of the reference where they are strict, and results within the tolerance where not',
    () => {
      expect(fuzz([OPENCL]).get(OPENCL.name)).toBe(FUZZ.count);
    },
    FUZZ_TIMEOUT_MS,
  );
});
