import assert from 'node:assert/strict';
import { text } from '../cluster-port-case.js';
import type { ClusterPortCase } from '../cluster-port-case.js';
import { Consuming } from '../consuming.js';
import { publish } from './stream-cases.js';

const options = { maxEntries: 1_000 };

export const consumerCases: readonly ClusterPortCase[] = [
  {
    name: 'never has more entries unacknowledged than the consumer has credits',
    async run({ open, cluster, within }) {
      const stream = await (await open()).openStream('log', options);
      for (let i = 0; i < 20; i++) await publish(stream, 'subject', `${i}`);
      const consuming = new Consuming(stream, within, { maxUnacknowledged: 4 });
      const held = [];
      for (let i = 0; i < 4; i++) held.push(await consuming.next());
      const seen = held.map(({ payload }) => text(payload));
      for (let i = 4; i < 20; i++) {
        let came = false;
        const next = consuming.pending().finally(() => (came = true));
        next.catch(() => undefined); // when the check below fails, the case ends with this iteration waiting
        await cluster.elapse(30);
        assert.equal(came, false, `entry ${i} came with 4 unacknowledged`);
        await held.shift()!.acknowledge();
        const entry = await within('the next entry', next);
        assert.equal(entry.redelivered, false);
        held.push(entry);
        seen.push(text(entry.payload));
      }
      assert.deepEqual(
        seen,
        Array.from({ length: 20 }, (_, i) => `${i}`),
      );
      for (const entry of held) await entry.acknowledge();
      await consuming.end();
    },
  },
  {
    name: 'delivers what was not acknowledged to the next iteration of the name, and nothing else again',
    async run({ open, cluster, within }) {
      const [a, b] = [await open(), await open()];
      const [stream, other] = [await a.openStream('log', options), await b.openStream('log', options)];
      for (let i = 0; i < 6; i++) await publish(stream, 'subject', `${i}`);
      const settings = { acknowledgeWithinMs: 1_000, subject: 'subject' };
      const first = new Consuming(stream, within, settings);
      for (let i = 0; i < 4; i++) {
        const entry = await first.next();
        assert.equal(text(entry.payload), `${i}`);
        if (i % 2 === 0) await entry.acknowledge();
      }
      await first.end();
      await cluster.elapse(1_500);
      const second = new Consuming(other, within, settings);
      const seen: string[] = [];
      for (let i = 0; i < 4; i++) {
        const entry = await second.next();
        const payload = text(entry.payload);
        seen.push(payload);
        // 4 and 5 were not handed out, but the engine may have fetched them for the first iteration.
        if (payload === '1' || payload === '3') assert.equal(entry.redelivered, true, `entry ${payload} came again`);
        await entry.acknowledge();
      }
      assert.deepEqual(seen.sort(), ['1', '3', '4', '5']);
      await publish(stream, 'subject', 'end');
      assert.deepEqual(await second.take(1), ['end']);
      await second.end();
    },
  },
  {
    name: 'delivers an entry again that is not acknowledged in time, until it is',
    async run({ open, cluster, within }) {
      const stream = await (await open()).openStream('log', options);
      const { sequence } = await publish(stream, 'subject', 'slow');
      const consuming = new Consuming(stream, within, { acknowledgeWithinMs: 1_000 });
      assert.equal((await consuming.next()).redelivered, false);
      const again = consuming.pending();
      await cluster.elapse(1_500);
      const second = await within('the entry comes again', again);
      assert.deepEqual([second.sequence, text(second.payload), second.redelivered], [sequence, 'slow', true]);
      await second.acknowledge();
      const next = consuming.pending();
      await cluster.elapse(1_500);
      await publish(stream, 'subject', 'end');
      assert.equal(text((await within('the next entry', next)).payload), 'end');
      await consuming.end();
    },
  },
  {
    name: 'accepts the acknowledgement of an earlier delivery',
    async run({ open, cluster, within }) {
      const stream = await (await open()).openStream('log', options);
      await publish(stream, 'subject', 'slow');
      const consuming = new Consuming(stream, within, { acknowledgeWithinMs: 1_000 });
      const first = await consuming.next();
      const again = consuming.pending();
      await cluster.elapse(1_500);
      const second = await within('the entry comes again', again);
      await first.acknowledge();
      await second.acknowledge();
      await publish(stream, 'subject', 'end');
      const next = consuming.pending();
      await cluster.elapse(1_500);
      assert.equal(text((await within('the next entry', next)).payload), 'end');
      await consuming.end();
    },
  },
  {
    name: 'gives the subjects of a stream to consumers of their own, each with its own credits',
    async run({ open, within }) {
      const stream = await (await open()).openStream('log', options);
      for (let i = 0; i < 5; i++) {
        await publish(stream, 'one', `one ${i}`);
        await publish(stream, 'two', `two ${i}`);
      }
      const one = new Consuming(stream, within, { consumer: 'c-1', subject: 'one', maxUnacknowledged: 1 });
      const two = new Consuming(stream, within, { consumer: 'c-2', subject: 'two', maxUnacknowledged: 1 });
      const held = await one.next();
      assert.deepEqual(await two.take(5), ['two 0', 'two 1', 'two 2', 'two 3', 'two 4']);
      await held.acknowledge();
      assert.deepEqual(await one.take(4), ['one 1', 'one 2', 'one 3', 'one 4']);
      await one.end();
      await two.end();
    },
  },
  {
    name: 'ends a waiting iteration by its signal, without an error',
    async run({ open, within }) {
      const stream = await (await open()).openStream('log', options);
      const ending = new AbortController();
      const settings = { consumer: 'c', maxUnacknowledged: 10, signal: ending.signal };
      const waiting = stream.consume(settings)[Symbol.asyncIterator]().next();
      await publish(stream, 'subject', 'first');
      const first = await within('the first entry', waiting);
      assert.equal(first.done, false);
      const iteration = (async () => {
        const seen: number[] = [];
        const rest = { ...settings, consumer: 'c' };
        for await (const entry of stream.consume(rest)) seen.push(entry.sequence);
        return seen;
      })();
      await first.value.acknowledge();
      ending.abort();
      const seen = await within('the iteration ends', iteration);
      assert.ok(seen.length <= 1, 'at most the one entry, if it was not acknowledged yet');
      const aborted = stream.consume(settings)[Symbol.asyncIterator]().next();
      assert.equal((await within('an iteration that was aborted before', aborted)).done, true);
    },
  },
  {
    name: 'carries 500 entries through few credits without loss, in order',
    async run({ open, within }) {
      const [a, b] = [await open(), await open()];
      const stream = await a.openStream('log', options);
      const consuming = new Consuming(await b.openStream('log', options), within, { maxUnacknowledged: 8 });
      const published = (async () => {
        for (let i = 0; i < 500; i++) await publish(stream, 'subject', `${i}`);
      })();
      published.catch(() => undefined); // awaited below
      assert.deepEqual(
        await consuming.take(500),
        Array.from({ length: 500 }, (_, i) => `${i}`),
      );
      await published;
      await consuming.end();
    },
  },
];
