import { describe, expect, it } from 'vitest';
import { GuardedArena } from './guarded-arena.js';

function arena() {
  const device = { memory: new SharedArrayBuffer(1024), arenaOffset: 128, arenaBytes: 896 };
  return { guarded: new GuardedArena(device), bytes: new Uint8Array(device.memory) };
}

describe('GuardedArena', () => {
  it('gives zeroed blocks at multiples of 64 inside the arena', () => {
    const { guarded, bytes } = arena();
    bytes.fill(7);
    const [first, second] = [guarded.allocate('a', 10), guarded.allocate('b', 64)];
    expect([first, second]).toEqual([192, 320]);
    expect([...bytes.subarray(first, first + 10)]).toEqual(Array.from({ length: 10 }, () => 0));
    expect(() => guarded.allocate('c', 4096)).toThrow(/too small/);
  });

  it('notices a write outside a block, by its name, and none inside', () => {
    for (const [at, where] of [
      [-1, 'before a'],
      [10, 'before b'],
      [63, 'before b'],
      [192, 'after b'],
    ] as const) {
      const { guarded, bytes } = arena();
      const offset = guarded.allocate('a', 10);
      guarded.allocate('b', 64);
      bytes.fill(9, offset, offset + 10);
      guarded.assertIntact();
      bytes[offset + at]! ^= 1;
      expect(() => guarded.assertIntact()).toThrow(where);
    }
  });

  it('notices a write into a frozen block', () => {
    const { guarded, bytes } = arena();
    const offset = guarded.allocate('the input', 16);
    bytes[offset + 3] = 5;
    guarded.freeze(offset);
    guarded.assertIntact();
    bytes[offset + 3] = 6;
    expect(() => guarded.assertIntact()).toThrow('byte 3 of the input was written');
  });
});
