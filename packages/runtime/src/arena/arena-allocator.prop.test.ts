import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ArenaAllocator } from './arena-allocator.js';
import type { ArenaBlock } from './arena-allocator.js';

const OFFSET = 192;
const size = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 20_000 }));
const steps = fc.array(fc.oneof(fc.record({ allocate: size }), fc.record({ free: fc.nat(1_000) })), {
  minLength: 1,
  maxLength: 200,
});

/** Free runs between the blocks, in bytes. */
function gaps(live: readonly ArenaBlock[], capacity: number): number[] {
  const sorted = [...live].sort((a, b) => a.offset - b.offset);
  const ends = [OFFSET, ...sorted.map((b) => b.offset + b.sizeBytes)];
  const starts = [...sorted.map((b) => b.offset), OFFSET + capacity];
  return starts.map((start, i) => start - ends[i]!);
}

test('blocks never overlap, stay aligned and inside, and are refused only when no free run is long enough', () => {
  fc.assert(
    fc.property(fc.integer({ min: 64, max: 40_000 }), steps, (arenaBytes, plan) => {
      const arena = new ArenaAllocator(OFFSET, arenaBytes);
      const capacity = arena.capacityBytes;
      expect([capacity % 64, arenaBytes - capacity < 64]).toEqual([0, true]);
      const live: ArenaBlock[] = [];
      for (const step of plan) {
        if ('free' in step) {
          const [block] = live.splice(step.free % Math.max(1, live.length), 1);
          if (block !== undefined) arena.free(block);
        } else {
          const wanted = ArenaAllocator.roundUp(step.allocate);
          const fits = Math.max(...gaps(live, capacity)) >= wanted;
          const block = arena.allocate(step.allocate);
          expect(block !== undefined).toBe(fits);
          if (block === undefined) continue;
          expect([block.offset % 64, block.sizeBytes]).toEqual([0, wanted]);
          live.push(block);
        }
        expect(Math.min(...gaps(live, capacity))).toBeGreaterThanOrEqual(0);
        expect(arena.usedBytes).toBe(live.reduce((sum, b) => sum + b.sizeBytes, 0));
      }
      for (const block of live) arena.free(block);
      expect(arena.usedBytes).toBe(0);
      expect(arena.allocate(capacity)).toMatchObject({ offset: OFFSET, sizeBytes: capacity });
    }),
    { numRuns: 300 },
  );
});

test('a block that is freed twice, or was merged away, is noticed', () => {
  const arena = new ArenaAllocator(0, 1024);
  const blocks = [1, 2, 3].map(() => arena.allocate(64)!);
  for (const block of blocks) arena.free(block);
  for (const block of blocks) expect(() => arena.free(block)).toThrow(/freed once/);
});

test('arenas close to 4 GiB and empty ones work', () => {
  const large = new ArenaAllocator(0, 2 ** 32 - 64);
  const half = large.allocate(2 ** 31)!;
  const rest = large.allocate(2 ** 31 - 64)!;
  expect([half.offset, rest.offset, large.allocate(1)]).toEqual([0, 2 ** 31, undefined]);
  large.free(half);
  large.free(rest);
  expect(large.allocate(2 ** 32 - 64)).toBeDefined();
  expect(new ArenaAllocator(0, 63).allocate(1)).toBeUndefined();
});
