import { describe, expect, it } from 'vitest';
import { firstDifferences } from './differences.js';

const bytes = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

describe('firstDifferences', () => {
  it('gives the values where they differ, and their bits where they read alike', () => {
    const recorded = bytes(Float32Array.of(1, 2.5, 0, NaN));
    const replayed = bytes(Float32Array.of(1, 2.25, -0, NaN));
    replayed[12]! ^= 1;
    expect(firstDifferences('f32', recorded, replayed)).toEqual([
      { element: 1, recorded: '2.5', replayed: '2.25' },
      { element: 2, recorded: '0', replayed: '-0' },
      { element: 3, recorded: 'NaN (0x7fc00000)', replayed: 'NaN (0x7fc00001)' },
    ]);
    expect(firstDifferences('u64', bytes(BigUint64Array.of(2n ** 63n)), bytes(new Uint8Array(8)))).toEqual([
      { element: 0, recorded: '9223372036854775808', replayed: '0' },
    ]);
  });

  it('gives at most ten, also behind the end of the shorter column', () => {
    const differences = firstDifferences(
      'u32',
      bytes(Uint32Array.of(5)),
      bytes(Uint32Array.from({ length: 30 }, () => 5)),
    );
    expect(differences).toHaveLength(10);
    expect(differences[0]).toEqual({ element: 1, recorded: undefined, replayed: '5' });
  });
});
