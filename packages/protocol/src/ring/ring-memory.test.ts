import { describe, expect, it } from 'vitest';
import { LINE_BYTES, RING_ABI_VERSION, RING_MAGIC } from '../generated/ring-abi.js';
import { RingMemory, ringSizeBytes } from './ring-memory.js';

function ringOf(capacity: number): RingMemory {
  const ring = new RingMemory(new SharedArrayBuffer(ringSizeBytes(capacity)), 0, capacity);
  ring.initialise(7);
  return ring;
}

describe('RingMemory', () => {
  it('lays out three control lines and two queues of one line per entry', () => {
    expect(ringSizeBytes(1)).toBe(5 * LINE_BYTES);
    expect(ringSizeBytes(16)).toBe(35 * LINE_BYTES);
    const ring = ringOf(4);
    const slots = [0, 1, 2, 3].flatMap((p) => [ring.submissionSlot(p), ring.completionSlot(p)]);
    expect(slots.every((word) => (word * 4) % LINE_BYTES === 0)).toBe(true);
    expect([...slots].sort((a, b) => a - b)).toEqual([3, 4, 5, 6, 7, 8, 9, 10].map((line) => line * 16));
    expect(ring.words.length * 4).toBe(11 * LINE_BYTES);
  });

  it.each([0, -1, 3, 6, 2.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses capacity %s', (capacity) => {
    expect(() => new RingMemory(new SharedArrayBuffer(4096), 0, capacity)).toThrow(/not a power of two/);
  });

  it('refuses an offset inside a line', () => {
    expect(() => new RingMemory(new SharedArrayBuffer(4096), 32, 1)).toThrow(/multiple of 64/);
  });

  it('refuses memory too small for the ring', () => {
    expect(() => new RingMemory(new SharedArrayBuffer(ringSizeBytes(4) - 4), 0, 4)).toThrow(RangeError);
  });

  it('stays inside its own bytes', () => {
    const buffer = new SharedArrayBuffer(ringSizeBytes(2) + 2 * LINE_BYTES);
    const bytes = new Uint8Array(buffer).fill(0xa5);
    const ring = new RingMemory(buffer, LINE_BYTES, 2);
    ring.initialise(1);
    for (let p = 0; p < 5; p++) ring.publish(ring.completionSlot(p), p);
    expect(bytes.subarray(0, LINE_BYTES).every((b) => b === 0xa5)).toBe(true);
    expect(bytes.subarray(-LINE_BYTES).every((b) => b === 0xa5)).toBe(true);
  });

  it('accepts the header it wrote and names what is wrong with another', () => {
    const ring = ringOf(4);
    expect(() => ring.checkHeader()).not.toThrow();
    expect(ring.generation).toBe(7);
    expect([...ring.words.subarray(0, 4)]).toEqual([RING_MAGIC, RING_ABI_VERSION, 4, 7]);

    for (const [word, value] of [
      [0, 0],
      [1, RING_ABI_VERSION + 1],
      [2, 8],
    ] as const) {
      const broken = ringOf(4);
      broken.words[word] = value;
      expect(() => broken.checkHeader()).toThrow(/no ring of ABI v1 with 4 entries/);
    }
  });

  it('forgets everything when it is initialised again', () => {
    const ring = ringOf(2);
    ring.publish(ring.submissionSlot(0), 0);
    ring.words[40] = 9;
    ring.initialise(8);
    expect(ring.isPublished(ring.submissionSlot(0), 0)).toBe(false);
    expect([...ring.words].filter((word) => word !== 0)).toEqual([RING_MAGIC, RING_ABI_VERSION, 2, 8]);
  });
});
