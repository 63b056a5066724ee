import assert from 'node:assert/strict';
import type { ClusterStream, ConsumeOptions, StreamEntry } from '@gpu-bridge/abstractions';
import { text } from './cluster-port-case.js';
import type { ClusterPortContext } from './cluster-port-case.js';

/** An iteration over a stream that a case takes entry by entry; ended by its signal, as a waiting one must be. */
export class Consuming {
  private readonly ending = new AbortController();
  private readonly entries: AsyncIterator<StreamEntry>;

  constructor(
    stream: ClusterStream,
    private readonly within: ClusterPortContext['within'],
    options: Partial<ConsumeOptions> = {},
  ) {
    const settings = { consumer: 'consumer', maxUnacknowledged: 100, ...options, signal: this.ending.signal };
    this.entries = stream.consume(settings)[Symbol.asyncIterator]();
  }

  async next(): Promise<StreamEntry> {
    return this.within('the next entry', this.pending());
  }

  /** Asks for the next entry without waiting for it. */
  async pending(): Promise<StreamEntry> {
    const result = await this.entries.next();
    assert.ok(result.done !== true, 'the iteration ended');
    return result.value;
  }

  /** The payloads of the next entries, which are acknowledged. */
  async take(count: number): Promise<string[]> {
    const payloads: string[] = [];
    for (let i = 0; i < count; i++) {
      const entry = await this.next();
      payloads.push(text(entry.payload));
      await entry.acknowledge();
    }
    return payloads;
  }

  /** Ends the iteration; nothing may be waiting for its next entry. */
  async end(): Promise<void> {
    this.ending.abort();
    const { done } = await this.within('the iteration ends', this.entries.next());
    assert.equal(done, true, 'an aborted iteration gives nothing more');
  }
}
