import { describe, expect, it } from 'vitest';
import { DeviceMemory } from './device-memory.js';

describe('DeviceMemory beyond 2 GiB', () => {
  // Address space only: the pages below are never touched.
  const memory = new DeviceMemory(new SharedArrayBuffer(2 ** 31 + 65_536));
  const high = 2 ** 31 + 4_096;

  it('stores columns where their byte offset says', () => {
    memory.store('f32', high, Float32Array.of(1.5, 2.5), 2);
    memory.store('f64', high + 64, Float64Array.of(3.5, 4.5), 1);
    memory.store('i32', high + 128, Int32Array.of(-1), 1);
    memory.store('bool', high + 192, Uint32Array.of(1, 0), 2);
    memory.store('i64', high + 256, BigInt64Array.of(-5n), 1);
    memory.store('u64', high + 320, BigUint64Array.of(6n), 1);
    memory.store('i64', high + 384, Float64Array.of(-7), 1);
    memory.store('i64', high + 448, { low: Uint32Array.of(8), high: Int32Array.of(1) }, 1);
    expect([...memory.view('f32', high, 2)]).toEqual([1.5, 2.5]);
    expect([...memory.view('f64', high + 64, 2)]).toEqual([3.5, 0]);
    expect([...memory.view('i32', high + 128, 1)]).toEqual([-1]);
    expect([...memory.view('bool', high + 192, 2)]).toEqual([1, 0]);
    const wide = [256, 320, 384, 448].map((at) => memory.view('i64', high + at, 1)[0]);
    expect(wide).toEqual([-5n, 6n, -7n, 2n ** 32n + 8n]);
  });

  it('stores scalars there too', () => {
    memory.storeScalar('f32', high + 512, 0.5);
    memory.storeScalar('f64', high + 528, 0.25);
    memory.storeScalar('i64', high + 544, -9n);
    memory.storeScalar('bool', high + 560, true);
    expect(memory.view('f32', high + 512, 1)[0]).toBe(0.5);
    expect(memory.view('f64', high + 528, 1)[0]).toBe(0.25);
    expect(memory.view('i64', high + 544, 1)[0]).toBe(-9n);
    expect([...memory.view('u32', high + 560, 2)]).toEqual([1, 0]);
  });
});
