import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ClusterPort, ClusterStream, StreamEntry } from '@gpu-bridge/abstractions';
import { expect, test } from 'vitest';
import { StreamFixture, items, settled } from '../testing/stream-fixture.js';

/** A log of one consumer whose receipts can be lost. */
class LossyLog implements ClusterStream {
  readonly name = 'log';
  /** When the next publication fails: after its entry has been read, or before. */
  loses: 'late' | 'early' | undefined;
  private readonly sequences = new Map<string, number>();
  /** What nobody has read. */
  readonly arriving: StreamEntry[] = [];
  private wake: () => void = () => undefined;

  get port(): ClusterPort {
    return { openStream: async () => this } as unknown as ClusterPort;
  }

  async publish(subject: string, payload: Uint8Array, { messageId = '' }: { readonly messageId?: string } = {}) {
    const { loses } = this;
    this.loses = undefined;
    const before = this.sequences.get(messageId);
    if (before !== undefined) return { sequence: before, duplicate: true };
    const sequence = this.sequences.size + 1;
    this.sequences.set(messageId, sequence);
    const entry = { subject, payload, sequence, redelivered: false, acknowledge: async () => undefined };
    if (loses !== 'early') this.deliver(entry);
    await settled();
    if (loses === undefined) return { sequence, duplicate: false };
    if (loses === 'early') setImmediate(() => this.deliver(entry));
    throw new GpuBridgeError('CLUSTER_UNAVAILABLE', { engine: 'test', reason: 'no answer in time' }, 'lost');
  }

  async *consume({ signal }: { readonly signal?: AbortSignal }): AsyncGenerator<StreamEntry, void, undefined> {
    signal?.addEventListener('abort', () => this.wake());
    while (signal?.aborted !== true) {
      const entry = this.arriving.shift();
      if (entry !== undefined) yield entry;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  private deliver(entry: StreamEntry): void {
    this.arriving.push(entry);
    this.wake();
  }
}

test.each(['late', 'early'] as const)(
  'a push whose receipt is lost (%s) takes its room once, also when it is made again',
  async (loses) => {
    const log = new LossyLog();
    const { port } = log;
    const fixture = await StreamFixture.start({ delivery: 'at-least-once', durable: true, queueItems: 10 }, { port });
    const { grain } = fixture;
    log.loses = loses;
    const stamp = { producerId: 'p', sequence: 1 };
    await expect(grain.pushMany(items(0, 5), stamp)).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
    await settled();
    await settled();
    expect(await grain.pressure()).toMatchObject({ queuedItems: 5, acceptedItems: 5 });
    expect(await grain.pushMany(items(0, 5), stamp)).toEqual({ position: { entry: 1, item: 4 } });
    await settled();
    expect(await grain.pressure()).toMatchObject({ queuedItems: 5, acceptedItems: 5 });
    await grain.pushMany(items(5, 8), { producerId: 'p', sequence: 2 });
    await settled();
    expect(await grain.pressure()).toMatchObject({ queuedItems: 8, acceptedItems: 8 });
    await fixture.deactivate('requested');
  },
);

test.each(['fenced', 'requested'] as const)(
  'an activation that is about to go (%s) leaves the log to the next one, also while its turns run',
  async (reason) => {
    const log = new LossyLog();
    const { port } = log;
    const options = { delivery: 'at-least-once', durable: true } as const;
    const { grain } = await StreamFixture.start(options, { port });
    await grain.pushMany(items(0, 2), { producerId: 'p', sequence: 1 });
    grain.onDeactivating(reason);
    await log.publish('subject', new Uint8Array(), { messageId: 'of another silo' });
    await settled();
    expect(log.arriving).toHaveLength(1);
    expect(await grain.pressure()).toMatchObject({ acceptedItems: 2 });
    await grain.onDeactivate();
  },
);
