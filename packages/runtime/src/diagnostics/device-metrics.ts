import type { DeviceCounters } from '@gpu-bridge/abstractions';
import { build } from 'hdr-histogram-js';

const HIGHEST_NS = 3_600e9;

/** Counters and the latency distribution of one device. */
export class DeviceMetrics {
  submitted = 0;
  completed = 0;
  failed = 0;
  cancelled = 0;
  refused = 0;
  coalesced = 0;
  slots = 0;
  violations = 0;
  fallbacks = 0;
  redirected = 0;
  /** Time that executors spent on entries, ns. */
  busyNs = 0;
  expired = 0;
  /** Completions that named nothing in flight. */
  strays = 0;

  private readonly latencyNs = build({
    lowestDiscernibleValue: 100,
    highestTrackableValue: HIGHEST_NS,
    numberOfSignificantValueDigits: 3,
  });

  recordEnd(state: 'completed' | 'failed' | 'cancelled', latencyNs: number): void {
    this[state]++;
    if (state === 'completed') this.latencyNs.recordValue(Math.max(1, Math.min(HIGHEST_NS, Math.round(latencyNs))));
  }

  counters(deaths: number): DeviceCounters {
    const { submitted, completed, failed, cancelled, refused, coalesced, slots, violations, fallbacks } = this;
    const { expired, strays, redirected } = this;
    return {
      submitted,
      completed,
      failed,
      cancelled,
      refused,
      coalesced,
      slots,
      deaths,
      violations,
      fallbacks,
      redirected,
      expired,
      strays,
    };
  }

  latencyUs() {
    const at = (percentile: number): number => this.latencyNs.getValueAtPercentile(percentile) / 1_000;
    return {
      count: this.latencyNs.totalCount,
      p50: at(50),
      p95: at(95),
      p99: at(99),
      max: this.latencyNs.maxValue / 1_000,
    };
  }
}
