import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Tokens } from '@gpu-bridge/abstractions';
import type { GrainFactory } from '@gpu-bridge/abstractions';
import { defineStream, getStreamGrain } from '@gpu-bridge/grains';
import type { StreamGrainReference, StreamValue } from '@gpu-bridge/grains';
import { addGpuBridge } from '@gpu-bridge/hosting';
import { f64, input, mapKernel, output } from '@gpu-bridge/kernels';
import { Container } from 'inversify';
import { median } from '../report.js';
import type { Figure } from '../report.js';

const BATCH_ITEMS = 1_024;
const WINDOWS = 7;
const WARM_UP_WINDOWS = 2;
const BATCHES_PER_WINDOW = 2_000;
const SLOWNESS = 10;
/** Share of the slow part that is not measured: caches, pools and compiled code grow at first. */
const WARM_UP_SHARE = 0.2;
const MIB = 2 ** 20;

const affine = mapKernel('bench-stream', { params: { x: input(f64), y: output(f64) } }, (_k, { x, y }) => {
  y.value = 3 * x + 1;
});
const definition = defineStream({ kernel: affine, microBatch: { maxItems: BATCH_ITEMS, maxAgeMs: 1 } });
type Stream = StreamGrainReference<(typeof affine)['params']>;

/** Items carry their numbers, so the subscriber knows what every one of them must be. */
class Checker {
  taken = 0;

  take(value: StreamValue<{ readonly y: Float64Array }>): void {
    if (value.outcome !== 'completed') throw new Error(`the stream says ${value.outcome}`);
    if (value.firstItem !== this.taken) throw new Error(`item ${value.firstItem} came instead of ${this.taken}`);
    for (const y of value.columns.y) {
      if (y !== 3 * this.taken + 1) throw new Error(`item ${this.taken} has the result ${y}`);
      this.taken++;
    }
  }
}

/** Pushes without a pause: what slows it down is the stream. */
class Producer {
  accepted = 0;
  stopped = false;

  constructor(private readonly stream: Stream) {}

  async run(upTo: number): Promise<void> {
    while (!this.stopped && this.accepted < upTo) {
      const first = this.accepted;
      await this.stream.pushMany({ x: Float64Array.from({ length: BATCH_ITEMS }, (_, i) => first + i) });
      this.accepted += BATCH_ITEMS;
    }
  }
}

export async function measureStream(note: (line: string) => void, seconds: number): Promise<Figure[]> {
  const container = new Container();
  const host = addGpuBridge(container, { kernels: [affine], streams: [definition] });
  await host.start();
  try {
    const grains = container.get<GrainFactory>(Tokens.GrainFactory);
    const rates = await batchesPerSecond(getStreamGrain(grains, definition, 'fast'));
    const batches = median('stream.batches_per_s', 'batches/s', rates);
    note(`slow subscriber: ${seconds} s at a tenth of ${Math.round(batches.value)} batches/s`);
    const slow = await slowSubscriber(
      getStreamGrain(grains, definition, 'slow'),
      batches.value / SLOWNESS,
      seconds,
      note,
    );
    return [batches, ...slow];
  } finally {
    await host.stop();
  }
}

async function batchesPerSecond(stream: Stream): Promise<number[]> {
  const checker = new Checker();
  const producer = new Producer(stream);
  const subscription = await stream.subscribe();
  const rates: number[] = [];
  for (let window = -WARM_UP_WINDOWS; window < WINDOWS; window++) {
    const end = checker.taken + BATCHES_PER_WINDOW * BATCH_ITEMS;
    const start = performance.now();
    const pushing = producer.run(end);
    while (checker.taken < end) checker.take((await subscription.next()).value!);
    await pushing;
    if (window >= 0) rates.push((BATCHES_PER_WINDOW * 1_000) / (performance.now() - start));
  }
  await subscription.return();
  return rates;
}

/** Takes so many batches a second and no more, while the producer pushes as fast as it may; then all that was accepted. */
async function slowSubscriber(
  stream: Stream,
  batchesPerS: number,
  seconds: number,
  note: (line: string) => void,
): Promise<Figure[]> {
  const checker = new Checker();
  const producer = new Producer(stream);
  const subscription = await stream.subscribe();
  const pushing = producer.run(Infinity);
  const start = performance.now();
  const elapsedS = (): number => (performance.now() - start) / 1e3;
  let baseline: number | undefined;
  const samples: number[] = [];
  let nextSampleS = seconds * WARM_UP_SHARE;
  while (elapsedS() < seconds) {
    if (checker.taken < elapsedS() * batchesPerS * BATCH_ITEMS) checker.take((await subscription.next()).value!);
    else await pause(1);
    if (elapsedS() < nextSampleS) continue;
    nextSampleS += seconds / 50;
    const rss = settledRss();
    baseline ??= rss;
    samples.push((rss - baseline) / MIB);
  }
  producer.stopped = true;
  // The push that waits is accepted as this reads on; then nothing more comes.
  let settled = false;
  void pushing.then(() => (settled = true));
  while (!settled || checker.taken < producer.accepted) {
    const { value } = await subscription.next();
    if (value === undefined) throw new Error('the stream has ended');
    checker.take(value);
    if (!settled) await pause(0);
  }
  await subscription.return();
  const { droppedItems } = await stream.pressure();
  const lost = producer.accepted - checker.taken + droppedItems;
  note(`slow subscriber: ${producer.accepted} items accepted, ${checker.taken} delivered and checked`);
  const growth = samples.at(-1) ?? 0;
  const [min, max] = [Math.min(...samples), Math.max(...samples)];
  return [
    { id: 'stream.rss_growth_mib', value: growth, unit: 'MiB', samples: samples.length, min, max },
    { id: 'stream.lost', value: lost, unit: 'items', samples: 1, min: lost, max: lost },
  ];
}

/** Without what the next collection would free. */
function settledRss(): number {
  collectGarbage();
  return process.memoryUsage.rss();
}

const collectGarbage: () => void = (() => {
  setFlagsFromString('--expose-gc');
  const gc: unknown = runInNewContext('gc');
  return typeof gc === 'function' ? () => void (gc as () => void)() : () => undefined;
})();
