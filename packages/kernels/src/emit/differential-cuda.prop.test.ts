import { describe, it } from 'vitest';
import { hasNvcc } from '../testing/cuda/nvcc.js';
import { FUZZ, FUZZ_TIMEOUT_MS, inBatches } from '../testing/fuzz/run.js';
import { compileCuda } from '../testing/fuzz/targets.js';

describe.skipIf(!hasNvcc())('random programs as CUDA C', () => {
  it(
    'compile for every architecture',
    () => inBatches(FUZZ.count, (programs) => compileCuda(programs)),
    FUZZ_TIMEOUT_MS,
  );
});
