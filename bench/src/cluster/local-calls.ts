import { AsyncLocalStorage } from 'node:async_hooks';
import type { GrainCallFilter, GrainClass, GrainReference, RequestContext } from '@gpu-bridge/abstractions';
import { SystemClock } from '@gpu-bridge/runtime';
import { Silo } from '@gpu-bridge/silo';
import { trace } from '@opentelemetry/api';
import { median } from '../report.js';
import type { Figure } from '../report.js';

const IN_FLIGHT = 64;
const WARM_UP_WINDOWS = 3;
const WINDOWS = 15;
const CALLS_PER_WINDOW = 200_000;

class Counter {
  private total = 0;
  async add(amount: number): Promise<number> {
    return (this.total += amount);
  }
}
const counter: GrainClass<Counter> = { options: { type: 'counter', kind: 'keyed' }, create: () => new Counter() };

/**
 * 64 callers with a keyed grain each, which wait for an answer before they call again. Traced: as in an application with
 * OpenTelemetry. The bare calls come first, since Node hooks every promise of a process that has ever entered an
 * `AsyncLocalStorage`.
 */
export async function localCalls(): Promise<Figure[]> {
  const bare = await callsPerSecond([], () => ({}));
  const storage = new AsyncLocalStorage<string>();
  const traced = await storage.run('request', () =>
    callsPerSecond([span], (caller) => ({
      traceparent: `00-${'0'.repeat(31)}1-${caller.toString(16).padStart(16, '0')}-01`,
      signal: new AbortController().signal,
    })),
  );
  return [
    median('cluster.local_calls_per_s', 'calls/s', bare),
    median('cluster.local_calls_traced_per_s', 'calls/s', traced),
  ];
}

const tracer = trace.getTracer('bench');

/** What a tracing filter does when no exporter is set up: its span is a no-op. */
const span: GrainCallFilter = {
  direction: 'outgoing',
  async invoke(call, next) {
    const started = tracer.startSpan(call.method);
    try {
      return await next();
    } finally {
      started.end();
    }
  },
};

/** By window. */
async function callsPerSecond(
  callFilters: readonly GrainCallFilter[],
  requestOf: (caller: number) => RequestContext,
): Promise<number[]> {
  const ignore = (): void => undefined;
  const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
  const silo = new Silo({ clock: new SystemClock(), logger, grainClasses: [counter], callFilters });
  await silo.start();
  try {
    const callers = Array.from(
      { length: IN_FLIGHT },
      (_, n) => new Caller(silo.getGrain(counter, `${n}`, requestOf(n))),
    );
    const rates: number[] = [];
    for (let w = -WARM_UP_WINDOWS; w < WINDOWS; w++) {
      const start = performance.now();
      await Promise.all(callers.map((caller) => caller.call(CALLS_PER_WINDOW / IN_FLIGHT)));
      if (w >= 0) rates.push((CALLS_PER_WINDOW * 1_000) / (performance.now() - start));
    }
    return rates;
  } finally {
    await silo.stop();
  }
}

/** One call in flight, each answer checked. */
class Caller {
  private expected = 0;

  constructor(private readonly grain: GrainReference<Counter>) {}

  async call(times: number): Promise<void> {
    for (let i = 0; i < times; i++) {
      const total = await this.grain.add(i);
      this.expected += i;
      if (total !== this.expected) throw new Error(`the total is ${total}, not ${this.expected}`);
    }
  }
}
