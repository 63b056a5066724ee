import { describe, expect, it } from 'vitest';
import { FUZZ, FUZZ_TIMEOUT_MS, fuzz } from '../testing/fuzz/run.js';
import { CPP } from '../testing/fuzz/targets.js';

describe.skipIf(!CPP.isPresent())('random programs as C++', () => {
  it(
    'give the same bits, counts and violations as JavaScript',
    () => {
      expect(fuzz([CPP]).get(CPP.name)).toBe(FUZZ.count);
    },
    FUZZ_TIMEOUT_MS,
  );
});
