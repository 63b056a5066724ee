import { describe, expect, it } from 'vitest';
import { callEntries, compileKernels, hasGxx } from './native-calls.js';

const source = `
#include <cstdint>
extern "C" std::int32_t bump(std::uint8_t* memory, std::uint64_t block, std::uint32_t first, std::uint32_t count, std::uint32_t group) {
  for (std::uint32_t i = first; i < first + count; i++) memory[block + i] += group;
  return static_cast<std::int32_t>(count) - 3;
}`;

describe.skipIf(!hasGxx())('native calls (g++)', () => {
  it('run entries over memories in place and answer what each returned', () => {
    const [a, b] = [new Uint8Array(5000), new Uint8Array(16)];
    const call = { entry: 'bump', argumentBlock: 4, first: 1, group: 7 };
    const answers = callEntries(compileKernels([source], ['-std=c++20']), [
      { ...call, memory: a, count: 2 },
      { ...call, memory: b, count: 5 },
    ]);
    expect(answers).toEqual([-1, 2]);
    expect([...a.subarray(0, 9)]).toEqual([0, 0, 0, 0, 0, 7, 7, 0, 0]);
    expect([...b]).toEqual([0, 0, 0, 0, 0, 7, 7, 7, 7, 7, 0, 0, 0, 0, 0, 0]);
    expect(a.subarray(7).every((byte) => byte === 0)).toBe(true);
  });

  it('report what g++ says about a text that does not compile', () => {
    expect(() => compileKernels(['int x = y;'], [])).toThrow(/'y' was not declared/);
  });
});
