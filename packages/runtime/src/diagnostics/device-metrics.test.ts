import { describe, expect, it } from 'vitest';
import { DeviceMetrics } from './device-metrics.js';

describe('DeviceMetrics', () => {
  it('counts ends by their kind and times only what completed', () => {
    const metrics = new DeviceMetrics();
    for (let ms = 1; ms <= 100; ms++) metrics.recordEnd('completed', ms * 1e6);
    metrics.recordEnd('failed', 5e12);
    metrics.recordEnd('cancelled', 5e12);
    expect(metrics.counters(3)).toMatchObject({ completed: 100, failed: 1, cancelled: 1, deaths: 3, refused: 0 });
    const { count, p50, p95, p99, max } = metrics.latencyUs();
    expect(count).toBe(100);
    for (const [seen, wanted] of [
      [p50, 50_000],
      [p95, 95_000],
      [p99, 99_000],
      [max, 100_000],
    ] as const) {
      expect(Math.abs(seen / wanted - 1)).toBeLessThan(0.002); // three significant digits
    }
  });

  it('takes any latency a clock can give', () => {
    const metrics = new DeviceMetrics();
    for (const ns of [0, -5, 0.4, 1e15]) metrics.recordEnd('completed', ns);
    const { count, max, p50 } = metrics.latencyUs();
    expect(count).toBe(4);
    expect(max).toBeGreaterThan(3e9);
    expect(p50).toBeLessThan(1);
    expect(new DeviceMetrics().latencyUs()).toMatchObject({ count: 0, max: 0 });
  });
});
