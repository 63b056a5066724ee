import { SeededRandom } from '@gpu-bridge/testkit';
import { describe, expect, it } from 'vitest';
import { TokenBucket } from './token-bucket.js';

describe('TokenBucket', () => {
  it('gives a burst at once and then the rate, and nothing more for a long pause', () => {
    const bucket = new TokenBucket(10, 3);
    const takenAt = (nowMs: number): number => {
      let taken = 0;
      for (; bucket.hasToken(nowMs); taken++) bucket.take();
      return taken;
    };
    expect([0, 50, 100, 200, 1e9, 1e9].map(takenAt)).toEqual([3, 0, 1, 1, 3, 0]);
  });

  it('has a token when the time that it said has passed, and none long before', () => {
    const random = new SeededRandom(3);
    for (let i = 0; i < 300; i++) {
      const bucket = new TokenBucket(0.001 + random.below(1_000_000) / 7, 1 + random.below(50));
      let nowMs = random.below(1e9) / 3;
      for (let n = 0; n < 60; n++) {
        if (bucket.hasToken(nowMs)) {
          bucket.take();
          continue;
        }
        const waitMs = Number(bucket.waitNs(nowMs)) / 1e6;
        expect(waitMs).toBeGreaterThan(0);
        expect(bucket.hasToken(nowMs + waitMs / 2)).toBe(false);
        nowMs += waitMs;
        expect(bucket.hasToken(nowMs)).toBe(true);
      }
    }
  });

  it('keeps to its rate in the long run, however it is asked', () => {
    const random = new SeededRandom(5);
    const bucket = new TokenBucket(37.5, 4);
    let taken = 0;
    let nowMs = 0;
    while (nowMs < 100_000) {
      nowMs += random.below(20) / 3;
      if (!bucket.hasToken(nowMs)) continue;
      bucket.take();
      taken++;
    }
    expect(Math.abs(taken - 3_750)).toBeLessThanOrEqual(5);
  });
});
