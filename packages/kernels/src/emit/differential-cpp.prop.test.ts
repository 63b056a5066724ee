import { describe, expect, it } from 'vitest';
import { FUZZ, FUZZ_TIMEOUT_MS, fuzz } from '../testing/fuzz/run.js';
import { CPP, CPP_LANES } from '../testing/fuzz/targets.js';

describe.skipIf(!CPP.isPresent())('random programs as C++', () => {
  it(
    'give the same bits, counts and violations as JavaScript',
    () => {
      expect(fuzz([CPP]).get(CPP.name)).toBe(FUZZ.count);
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    'give them in lanes, too',
    () => {
      // g++ takes five times as long over lanes as over the scalar form.
      const count = FUZZ.isLong ? FUZZ.count : FUZZ.count / 4;
      expect(fuzz([CPP_LANES], count).get(CPP_LANES.name)).toBeGreaterThan(count / 5);
    },
    FUZZ_TIMEOUT_MS,
  );
});
