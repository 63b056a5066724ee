import assert from 'node:assert/strict';
import { bytes, expectCode, expectThrows } from '../cluster-port-case.js';
import type { ClusterPortCase } from '../cluster-port-case.js';

export const BAD_ADDRESSES = [
  '',
  'a'.repeat(129),
  '.',
  '.a',
  'a.',
  'a..b',
  'a b',
  '*',
  'a.>',
  'a/b',
  'a=b',
  'ä',
  'a\n',
];
const LARGEST_U32 = 2 ** 32 - 1;

export const messageCases: readonly ClusterPortCase[] = [
  {
    name: 'delivers a message to another port, to another endpoint of the port and to the sender itself',
    async run({ open, endpoints }) {
      const [a, b] = [await open(), await open()];
      const [one, two, three] = [
        await endpoints.listen(a, 'silo-a.1'),
        await endpoints.listen(a, 'silo-a.2'),
        await endpoints.listen(b, 'silo-b.1'),
      ];
      assert.equal(one.endpoint.address, 'silo-a.1');
      one.endpoint.send('silo-b.1', bytes('to b'));
      one.endpoint.send('silo-a.2', bytes('to a 2'));
      one.endpoint.send('silo-a.1', bytes('to itself'));
      three.endpoint.send('silo-a.1', bytes('back'));
      await three.receive('to b');
      await two.receive('to a 2');
      await one.receive('to itself');
      await one.receive('back');
      assert.deepEqual([one.texts.sort(), two.texts, three.texts], [['back', 'to itself'], ['to a 2'], ['to b']]);
    },
  },
  {
    name: 'never delivers in the stack of the sender, nor one message within another',
    async run({ open, endpoints }) {
      const port = await open();
      let depth = 0;
      let sending = false;
      const seen: string[] = [];
      const self = await endpoints.listen(port, 'self', () => {
        if (sending) seen.push('within send');
        if (++depth > 1) seen.push('within another');
        if (self.payloads.length < 20) {
          sending = true;
          self.endpoint.send('self', bytes(`${self.payloads.length}`));
          sending = false;
        }
        depth--;
      });
      sending = true;
      self.endpoint.send('self', bytes('0'));
      sending = false;
      await self.receive('19');
      assert.deepEqual(seen, []);
      assert.deepEqual(
        self.texts,
        Array.from({ length: 20 }, (_, i) => `${i}`),
      );
    },
  },
  {
    name: 'delivers the messages of each sender in the order sent',
    async run({ open, endpoints }) {
      const ports = [await open(), await open(), await open()];
      const receiver = await endpoints.listen(ports[0]!, 'receiver');
      const senders = await Promise.all(ports.map((port, i) => endpoints.listen(port, `sender-${i}`)));
      for (let n = 0; n < 700; n++) {
        senders.forEach(({ endpoint }, i) => endpoint.send('receiver', bytes(`${i}:${n}`)));
      }
      for (let i = 0; i < senders.length; i++) {
        await receiver.receive(`${i}:699`);
        const own = receiver.texts.filter((message) => message.startsWith(`${i}:`));
        assert.deepEqual(
          own,
          Array.from({ length: 700 }, (_, n) => `${i}:${n}`),
        );
      }
    },
  },
  {
    name: 'delivers to the very address only',
    async run({ open, endpoints }) {
      const [a, b] = [await open(), await open()];
      const near = ['silo', 'silo.1', 'silo.10', 'silo.1.x', 'Silo.1'];
      const listening = await Promise.all(near.map((address) => endpoints.listen(a, address)));
      const sender = await endpoints.listen(b, 'sender');
      for (const address of near) sender.endpoint.send(address, bytes(address));
      for (const each of listening) await each.receive(each.endpoint.address);
      assert.deepEqual(
        listening.map(({ texts }) => texts),
        near.map((address) => [address]),
      );
    },
  },
  {
    name: 'keeps bytes as they are, from none to maxPayloadBytes, and refuses more',
    async run({ open, endpoints, until }) {
      const [a, b] = [await open(), await open()];
      const receiver = await endpoints.listen(a, 'receiver');
      const sender = await endpoints.listen(b, 'sender');
      const largest = Uint8Array.from({ length: b.maxPayloadBytes }, (_, i) => i % 253);
      sender.endpoint.send('receiver', new Uint8Array(0));
      sender.endpoint.send('receiver', new Uint8Array(new Uint8Array([9, 9, 1, 2, 3, 9]).buffer, 2, 3));
      sender.endpoint.send('receiver', largest.slice(), 1);
      const tooLarge = new Uint8Array(b.maxPayloadBytes + 1);
      expectThrows('one byte more', 'INVALID_ARGUMENT', () => sender.endpoint.send('receiver', tooLarge));
      sender.endpoint.send('receiver', bytes('end'));
      await receiver.receive('end');
      assert.equal(receiver.payloads.length, 4);
      assert.deepEqual([...receiver.payloads[0]!], []);
      assert.deepEqual([...receiver.payloads[1]!], [1, 2, 3]);
      assert.ok(Buffer.compare(receiver.payloads[2]!, largest) === 0, 'the largest payload came whole');
      await until('the port goes on', async () => (await (await b.openTable('rows')).get('key')) === undefined);
    },
  },
  {
    name: 'can carry a chunk of 256 KiB with its header',
    async run({ open }) {
      const { maxPayloadBytes } = await open();
      assert.ok(maxPayloadBytes >= 256 * 1024 + 4096, `maxPayloadBytes is ${maxPayloadBytes}`);
    },
  },
  {
    name: 'tells the sender of a message that nobody listened for, if it asked',
    async run({ open, endpoints }) {
      const [a, b] = [await open(), await open()];
      const receiver = await endpoints.listen(a, 'receiver');
      const sender = await endpoints.listen(b, 'sender');
      const bystander = await endpoints.listen(b, 'bystander');
      sender.endpoint.send('nobody', bytes('unasked'));
      sender.endpoint.send('nobody', bytes('a'), 0);
      sender.endpoint.send('receiver', bytes('delivered'), 7);
      sender.endpoint.send('nobody.at.all', bytes('b'), LARGEST_U32);
      sender.endpoint.send('nobody', bytes('c'), 8);
      await sender.told(0);
      await sender.told(LARGEST_U32);
      await sender.told(8);
      await receiver.receive('delivered');
      assert.deepEqual([...sender.undeliverable].sort(), [0, LARGEST_U32, 8].sort());
      assert.deepEqual([receiver.undeliverable, bystander.undeliverable, sender.texts], [[], [], []]);
    },
  },
  {
    name: 'takes no more messages at an endpoint that was closed, and takes them at its successor',
    async run({ open, endpoints }) {
      const [a, b] = [await open(), await open()];
      const first = await endpoints.listen(a, 'receiver');
      const sender = await endpoints.listen(b, 'sender');
      sender.endpoint.send('receiver', bytes('first'));
      await first.receive('first');
      await first.endpoint.close();
      await first.endpoint.close();
      sender.endpoint.send('receiver', bytes('lost'), 1);
      await sender.told(1);
      const second = await endpoints.listen(a, 'receiver');
      sender.endpoint.send('receiver', bytes('second'));
      await second.receive('second');
      assert.deepEqual([first.texts, second.texts], [['first'], ['second']]);
    },
  },
  {
    name: 'refuses addresses and correlations that the contract does not allow',
    async run({ open, endpoints }) {
      const port = await open();
      const listener = { onMessage: () => undefined, onUndeliverable: () => undefined };
      const { endpoint } = await endpoints.listen(port, `A-Z_09.${'x'.repeat(121)}`);
      for (const address of BAD_ADDRESSES) {
        const what = JSON.stringify(address.slice(0, 20));
        await expectCode(`listen ${what}`, 'INVALID_ARGUMENT', port.listen(address, listener));
        expectThrows(`send ${what}`, 'INVALID_ARGUMENT', () => endpoint.send(address, bytes('value')));
      }
      for (const correlation of [-1, 1.5, LARGEST_U32 + 1, Number.NaN]) {
        const send = (): void => endpoint.send('nobody', bytes('value'), correlation);
        expectThrows(`correlation ${correlation}`, 'INVALID_ARGUMENT', send);
      }
    },
  },
];
