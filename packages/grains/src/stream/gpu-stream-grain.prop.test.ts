import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { SeededRandom } from '@gpu-bridge/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StreamFixture, items, settled } from '../testing/stream-fixture.js';
import type { DoubleValue } from '../testing/stream-fixture.js';
import type { StreamSubscription } from './stream-subscription.js';

type Subscription = StreamSubscription<{ readonly y: Float64Array }>;

/** Reads at its own pace, and counts what it gets and what it is told it does not. */
class CountingReader {
  /** The next item that it has neither had nor been told of; undefined until its first value. */
  next: number | undefined;
  delivered = 0;
  dropped = 0;
  failed = 0;
  end: unknown;
  wrong: string | undefined;
  private step: Promise<void> | undefined;

  constructor(
    private readonly subscription: Subscription,
    readonly start: number,
    readonly pace: number,
  ) {}

  /** Asks for the next value unless it still waits for one. */
  read(): void {
    if (this.end !== undefined) return;
    this.step ??= this.subscription.next().then(
      (step) => {
        this.step = undefined;
        if (step.done === true) this.end ??= 'done';
        else this.take(step.value);
      },
      (error: unknown) => {
        this.end = error;
        if (GpuBridgeError.is(error, 'SUBSCRIBER_DETACHED')) this.dropped += error.details.droppedItems;
      },
    );
  }

  async leave(): Promise<void> {
    this.end = 'left';
    await this.subscription.return();
  }

  /** Every item that was accepted since it came, it has had or was told of, each once. */
  get told(): number {
    return this.delivered + this.dropped + this.failed;
  }

  private take(value: DoubleValue): void {
    this.next ??= this.start;
    if (value.firstItem !== this.next) this.wrong = `item ${value.firstItem} instead of ${this.next}`;
    this.next = value.firstItem + value.itemCount;
    if (value.outcome === 'dropped') this.dropped += value.itemCount;
    else if (value.outcome === 'failed') this.failed += value.itemCount;
    else {
      this.delivered += value.itemCount;
      // Items carry their numbers, so what is read says where it was pushed.
      value.columns.y.forEach((y, i) => {
        if (y !== 2 * (value.firstItem + i)) this.wrong = `${y / 2} at item ${value.firstItem + i}`;
      });
    }
  }
}

const plan = fc.record({
  seed: fc.integer(),
  overflow: fc.constantFrom('wait' as const, 'reject' as const, 'drop-oldest' as const),
  queueItems: fc.integer({ min: 8, max: 40 }),
  maxItems: fc.integer({ min: 1, max: 12 }),
  maxAgeMs: fc.integer({ min: 0, max: 5 }),
  jobsInFlight: fc.integer({ min: 1, max: 4 }),
  retainItems: fc.constantFrom(0, 10),
  paces: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 3 }),
});

test('whatever pushes, subscribers and jobs do: what is accepted is delivered in order or told as dropped, within the bound', async () => {
  await fc.assert(
    fc.asyncProperty(
      plan,
      async ({ seed, overflow, queueItems, maxItems, maxAgeMs, jobsInFlight, retainItems, paces }) => {
        const random = new SeededRandom(seed);
        const fixture = await StreamFixture.start({
          ...{ overflow, queueItems, jobsInFlight, retainItems },
          microBatch: { maxItems, maxAgeMs },
          detachAfterMs: 30,
          waitingPushes: 4,
        });
        const { grain, kernel, clock } = fixture;
        const readers: CountingReader[] = [];
        const subscribe = async (pace: number): Promise<void> => {
          const { releasedItems } = await grain.pressure();
          readers.push(new CountingReader(await grain.subscribe(), releasedItems, pace));
        };
        for (const pace of paces) await subscribe(pace);
        // Numbers are given when a push is made; those of one that is refused are given again.
        let number = 0;
        let refused = 0;
        const pushes = new Set<Promise<void>>();
        for (let round = 0; round < 120; round++) {
          if (pushes.size === 0 && random.below(3) > 0) {
            const count = 1 + random.below(Math.min(queueItems, 9));
            const from = number;
            number += count;
            const push = grain.pushMany(items(from, number)).then(
              () => void pushes.delete(push),
              (error: unknown) => {
                if (!GpuBridgeError.is(error, 'STREAM_FULL')) throw error;
                refused++;
                number = from;
                pushes.delete(push);
              },
            );
            pushes.add(push);
          }
          for (const reader of readers) if (random.below(reader.pace) === 0) reader.read();
          const running = kernel.jobs.filter(({ state }) => state === 'running');
          const job = running[random.below(Math.max(1, running.length))];
          const fails = random.below(8) === 0;
          if (random.below(2) === 0) job?.finish(fails ? new Error('a job failed') : undefined);
          if (random.below(40) === 0) await subscribe(1 + random.below(12));
          if (random.below(60) === 0) await readers[random.below(readers.length)]!.leave();
          clock.advanceMs(random.below(4));
          await settled();
          const { queuedItems } = await grain.pressure();
          expect(queuedItems).toBeLessThanOrEqual(queueItems);
          expect(running.length).toBeLessThanOrEqual(jobsInFlight);
        }
        // The end: whoever is left reads on, and everything accepted reaches it.
        kernel.immediate = true;
        for (const job of kernel.jobs) job.finish();
        for (
          let round = 0;
          round < 200 && (round < 5 || (await grain.pressure()).queuedItems > 0 || pushes.size > 0);
          round++
        ) {
          if ((await grain.pressure()).subscribers === 0) await subscribe(1);
          for (const reader of readers) reader.read();
          clock.advanceMs(6);
          await settled();
        }
        for (const reader of readers) reader.read();
        await settled();
        const { acceptedItems, droppedItems, queuedItems, waitingPushes } = await grain.pressure();
        expect({ acceptedItems, queuedItems, waitingPushes }).toEqual({
          acceptedItems: number,
          queuedItems: 0,
          waitingPushes: 0,
        });
        if (overflow !== 'drop-oldest') expect(droppedItems).toBe(0);
        if (overflow !== 'reject') expect(refused).toBe(0);
        for (const { wrong, end, told, start } of readers) {
          expect(wrong).toBeUndefined();
          if (end === undefined) expect(told).toBe(acceptedItems - start);
        }
      },
    ),
    { numRuns: 100 },
  );
}, 60_000);
