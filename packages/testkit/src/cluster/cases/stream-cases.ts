import assert from 'node:assert/strict';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ClusterStream, PublishOptions } from '@gpu-bridge/abstractions';
import { bytes, expectCode } from '../cluster-port-case.js';
import type { ClusterPortCase } from '../cluster-port-case.js';
import { Consuming } from '../consuming.js';
import { BAD_ADDRESSES } from './message-cases.js';

/** Publishes what must be appended, or recognised as a repetition. */
export async function publish(
  stream: ClusterStream,
  subject: string,
  payload: string,
  options?: PublishOptions,
): Promise<{ sequence: number; duplicate: boolean }> {
  const receipt = await stream.publish(subject, bytes(payload), options);
  assert.ok(receipt !== undefined, `${payload} was not appended to ${subject}`);
  return receipt;
}

const options = { maxEntries: 1_000 };

export const streamCases: readonly ClusterPortCase[] = [
  {
    name: 'delivers the entries of a subject in the order published, those from before included',
    async run({ open, within }) {
      const [a, b] = [await open(), await open()];
      const [stream, other] = [await a.openStream('log', options), await b.openStream('log', options)];
      assert.equal(stream.name, 'log');
      const sequences: number[] = [];
      for (let i = 0; i < 20; i++) {
        sequences.push((await publish(stream, 'grain.1', `x${i}`)).sequence);
        sequences.push((await publish(other, 'grain.2', `y${i}`)).sequence);
      }
      sequences.forEach((sequence, i) => assert.ok(sequence > (sequences[i - 1] ?? 0), 'sequences rise'));
      const consuming = new Consuming(other, within, { subject: 'grain.1' });
      for (let i = 0; i < 20; i++) {
        const entry = await consuming.next();
        const seen = [entry.subject, entry.sequence, new TextDecoder().decode(entry.payload), entry.redelivered];
        assert.deepEqual(seen, ['grain.1', sequences[2 * i], `x${i}`, false]);
        await entry.acknowledge();
      }
      const next = consuming.pending();
      await publish(other, 'grain.2', 'not for it');
      await publish(stream, 'grain.1', 'x20');
      assert.equal(new TextDecoder().decode((await within('the next entry', next)).payload), 'x20');
      await consuming.end();
    },
  },
  {
    name: 'delivers the entries of all subjects to a consumer without one',
    async run({ open, within }) {
      const stream = await (await open()).openStream('log', options);
      for (let i = 0; i < 9; i++) await publish(stream, `subject-${i % 3}`, `${i}`);
      const consuming = new Consuming(stream, within);
      assert.deepEqual(
        await consuming.take(9),
        Array.from({ length: 9 }, (_, i) => `${i}`),
      );
      await consuming.end();
    },
  },
  {
    name: 'keeps streams apart',
    async run({ open, within }) {
      const port = await open();
      const [one, other] = [await port.openStream('one', options), await port.openStream('other', options)];
      await publish(one, 'subject', 'one', { messageId: 'id' });
      assert.equal((await publish(other, 'subject', 'other', { messageId: 'id' })).duplicate, false);
      const consuming = new Consuming(one, within);
      assert.deepEqual(await consuming.take(1), ['one']);
      await publish(one, 'subject', 'end');
      assert.deepEqual(await consuming.take(1), ['end']);
      await consuming.end();
    },
  },
  {
    name: 'appends a repeated messageId once, also from another port and after it was acknowledged',
    async run({ open, within }) {
      const [a, b] = [await open(), await open()];
      const [stream, other] = [await a.openStream('log', options), await b.openStream('log', options)];
      const first = await publish(stream, 'subject', 'first', { messageId: 'm-1' });
      assert.equal(first.duplicate, false);
      const again = await publish(other, 'subject', 'again', { messageId: 'm-1' });
      assert.deepEqual([again.sequence, again.duplicate], [first.sequence, true]);
      assert.equal((await publish(stream, 'subject', 'second', { messageId: 'm-2' })).duplicate, false);
      const consuming = new Consuming(stream, within);
      assert.deepEqual(await consuming.take(2), ['first', 'second']);
      assert.equal((await publish(stream, 'subject', 'again', { messageId: 'm-1' })).duplicate, true);
      await publish(stream, 'subject', 'end');
      assert.deepEqual(await consuming.take(1), ['end']);
      await consuming.end();
    },
  },
  {
    name: 'appends one of 40 publications with the same messageId',
    async run({ open, within }) {
      const ports = [await open(), await open()];
      const streams = await Promise.all(ports.map((port) => port.openStream('log', options)));
      const receipts = await Promise.all(
        Array.from({ length: 40 }, (_, i) => publish(streams[i % 2]!, 'subject', `${i}`, { messageId: 'same' })),
      );
      assert.equal(receipts.filter(({ duplicate }) => !duplicate).length, 1);
      assert.equal(new Set(receipts.map(({ sequence }) => sequence)).size, 1);
      await publish(streams[0]!, 'subject', 'end');
      const consuming = new Consuming(streams[1]!, within);
      assert.equal((await consuming.take(2))[1], 'end');
      await consuming.end();
    },
  },
  {
    name: 'forgets a messageId after the dedupe window',
    async run({ open, cluster }) {
      const stream = await (await open()).openStream('log', { ...options, dedupeWindowMs: 1_000 });
      const first = await publish(stream, 'subject', 'first', { messageId: 'id' });
      await cluster.elapse(2_500);
      const second = await publish(stream, 'subject', 'second', { messageId: 'id' });
      assert.equal(second.duplicate, false);
      assert.ok(second.sequence > first.sequence);
    },
  },
  {
    name: "appends only behind the expected sequence, which is that of the subject's last entry",
    async run({ open, within }) {
      const stream = await (await open()).openStream('log', options);
      const refuse = async (expectedLastSequence: number): Promise<void> =>
        assert.equal(await stream.publish('one', bytes('refused'), { expectedLastSequence }), undefined);
      await publish(stream, 'other', 'in between');
      await refuse(1);
      await refuse(1_000);
      const first = await publish(stream, 'one', 'first', { expectedLastSequence: 0 });
      await publish(stream, 'other', 'in between', { expectedLastSequence: 1 });
      await refuse(0);
      await refuse(first.sequence + 1);
      const second = await publish(stream, 'one', 'second', { expectedLastSequence: first.sequence });
      await refuse(first.sequence);
      await publish(stream, 'one', 'third', { expectedLastSequence: second.sequence });
      const consuming = new Consuming(stream, within, { subject: 'one' });
      assert.deepEqual(await consuming.take(3), ['first', 'second', 'third']);
      await publish(stream, 'one', 'end');
      assert.deepEqual(await consuming.take(1), ['end']);
      await consuming.end();
    },
  },
  {
    name: 'lets exactly one of 40 contenders append behind a sequence',
    async run({ open }) {
      const ports = [await open(), await open()];
      const streams = await Promise.all(ports.map((port) => port.openStream('log', options)));
      let last = 0;
      for (let round = 0; round < 5; round++) {
        const expectedLastSequence = last;
        const receipts = await Promise.all(
          Array.from({ length: 40 }, (_, i) => streams[i % 2]!.publish('one', bytes(`${i}`), { expectedLastSequence })),
        );
        const winners = receipts.filter((receipt) => receipt !== undefined);
        assert.equal(winners.length, 1);
        last = winners[0]!.sequence;
      }
    },
  },
  {
    name: 'recognises a repeated messageId before it looks at the expected sequence',
    async run({ open }) {
      const stream = await (await open()).openStream('log', options);
      const behindNone = { messageId: 'id', expectedLastSequence: 0 };
      const first = await publish(stream, 'subject', 'entry', behindNone);
      const again = await publish(stream, 'subject', 'entry', behindNone);
      assert.deepEqual([again.sequence, again.duplicate], [first.sequence, true]);
    },
  },
  {
    name: 'counts only entries that are kept as the last of a subject',
    async run({ open, within, until }) {
      const stream = await (await open()).openStream('log', options);
      await publish(stream, 'subject', 'first');
      const consuming = new Consuming(stream, within);
      await consuming.take(1);
      const behindNone = { expectedLastSequence: 0 };
      // An engine may remove what was acknowledged a moment later.
      const appended = async (): Promise<boolean> =>
        (await stream.publish('subject', bytes('next'), behindNone)) !== undefined;
      await until('the acknowledged entry is gone', appended);
      await consuming.end();
    },
  },
  {
    name: 'refuses an entry with STREAM_FULL when it is full, and takes it after an acknowledgement',
    async run({ open, within, until }) {
      const port = await open();
      const stream = await port.openStream('small', { maxEntries: 3 });
      for (let i = 0; i < 3; i++) await publish(stream, 'subject', `${i}`);
      const refused = stream.publish('other', bytes('refused'), { messageId: 'late' });
      const error = await expectCode('the fourth entry', 'STREAM_FULL', refused);
      assert.deepEqual(error.details, { stream: 'small', maxEntries: 3 });
      const consuming = new Consuming(stream, within);
      await consuming.take(1);
      await until('there is room', async () => {
        const receipt = await stream
          .publish('subject', bytes('taken'), { messageId: 'late' })
          .catch((reason: unknown) => {
            assert.ok(GpuBridgeError.is(reason, 'STREAM_FULL'), String(reason));
          });
        assert.notEqual(receipt?.duplicate, true, 'what was refused is no duplicate');
        return receipt !== undefined;
      });
      await expectCode('full again', 'STREAM_FULL', stream.publish('subject', bytes('refused')));
      assert.deepEqual(await consuming.take(3), ['1', '2', 'taken']);
      await consuming.end();
    },
  },
  {
    name: 'lets entries expire, which makes room',
    async run({ open, cluster, within }) {
      const port = await open();
      const stream = await port.openStream('brief', { maxEntries: 2, expireAfterMs: 1_000, dedupeWindowMs: 500 });
      await publish(stream, 'subject', 'expired 1');
      await publish(stream, 'subject', 'expired 2');
      await cluster.elapse(2_500);
      await publish(stream, 'subject', 'kept');
      const consuming = new Consuming(stream, within);
      assert.deepEqual(await consuming.take(1), ['kept']);
      await consuming.end();
    },
  },
  {
    name: 'takes a payload of maxPayloadBytes whole, and refuses a larger one',
    async run({ open, within }) {
      const port = await open();
      const stream = await port.openStream('log', options);
      const largest = Uint8Array.from({ length: port.maxPayloadBytes }, (_, i) => i % 241);
      const kept = largest.slice();
      await stream.publish('subject', largest);
      await stream.publish('subject', new Uint8Array(0));
      const tooLarge = stream.publish('subject', new Uint8Array(port.maxPayloadBytes + 1));
      await expectCode('one byte more', 'INVALID_ARGUMENT', tooLarge);
      const consuming = new Consuming(stream, within);
      const [first, second] = [await consuming.next(), await consuming.next()];
      assert.ok(Buffer.compare(first.payload, kept) === 0, 'the largest payload came whole');
      assert.equal(second.payload.byteLength, 0);
      await consuming.end();
    },
  },
  {
    name: 'opens a stream again with the same options, and refuses others',
    async run({ open }) {
      const [a, b] = [await open(), await open()];
      await a.openStream('log', { maxEntries: 10, expireAfterMs: 60_000 });
      await b.openStream('log', { maxEntries: 10, expireAfterMs: 60_000, dedupeWindowMs: 120_000 });
      await a.openStream('brief', { maxEntries: 10, expireAfterMs: 60_000, dedupeWindowMs: 1_000 });
      const others = [
        { maxEntries: 11, expireAfterMs: 60_000 },
        { maxEntries: 10 },
        { maxEntries: 10, expireAfterMs: 60_000, dedupeWindowMs: 1_000 },
      ];
      for (const other of others) await expectCode('other options', 'INVALID_ARGUMENT', b.openStream('log', other));
    },
  },
  {
    name: 'refuses names and options that the contract does not allow',
    async run({ open }) {
      const port = await open();
      const stream = await port.openStream('n'.repeat(64), options);
      for (const name of ['', 'n'.repeat(65), 'a.b', 'a b', 'ä']) {
        await expectCode(JSON.stringify(name), 'INVALID_ARGUMENT', port.openStream(name, options));
        const consumed = stream.consume({ consumer: name, maxUnacknowledged: 1 })[Symbol.asyncIterator]();
        await expectCode(`consumer ${JSON.stringify(name)}`, 'INVALID_ARGUMENT', consumed.next());
      }
      for (const maxEntries of [0, -1, 1.5, Number.NaN]) {
        await expectCode(`maxEntries ${maxEntries}`, 'INVALID_ARGUMENT', port.openStream('new', { maxEntries }));
      }
      for (const maxUnacknowledged of [0, -1, 1.5, Number.NaN]) {
        const consumed = stream.consume({ consumer: 'c', maxUnacknowledged })[Symbol.asyncIterator]();
        await expectCode(`maxUnacknowledged ${maxUnacknowledged}`, 'INVALID_ARGUMENT', consumed.next());
      }
      for (const subject of BAD_ADDRESSES) {
        const what = JSON.stringify(subject.slice(0, 20));
        await expectCode(`subject ${what}`, 'INVALID_ARGUMENT', stream.publish(subject, bytes('value')));
        const consumed = stream.consume({ consumer: 'c', subject, maxUnacknowledged: 1 })[Symbol.asyncIterator]();
        await expectCode(`consumed subject ${what}`, 'INVALID_ARGUMENT', consumed.next());
      }
      const badId = stream.publish('subject', bytes('value'), { messageId: '' });
      await expectCode('an empty messageId', 'INVALID_ARGUMENT', badId);
      for (const expectedLastSequence of [-1, 0.5, Number.NaN]) {
        const refused = stream.publish('subject', bytes('value'), { expectedLastSequence });
        await expectCode(`expectedLastSequence ${expectedLastSequence}`, 'INVALID_ARGUMENT', refused);
      }
    },
  },
];
