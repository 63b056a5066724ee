import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Clock, ClusterStorage, Logger } from '@gpu-bridge/abstractions';
import { FileJournal } from './file-journal.js';
import { InProcessPort } from './in-process-port.js';
import type { PortEngine } from './in-process-port.js';
import { noJournal } from './journal.js';
import type { Journal } from './journal.js';
import type { JournalRecord, ResolvedStreamOptions } from './journal-record.js';
import { MessageExchange } from './message-exchange.js';
import { immediateNetwork } from './network.js';
import type { Network } from './network.js';
import { checkCount } from './port-stream.js';
import { StreamStore } from './stream-store.js';
import { TableStore } from './table-store.js';

export interface InProcessClusterOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /**
   * `none` (default) and `memory` keep everything until the cluster is closed; `memory` says that this is accepted as
   * storage, by tests and by several silos of one process. `file` keeps tables without expiry, and streams, in `folder`.
   */
  readonly storage?: ClusterStorage;
  /** For `file`: made where it does not exist; of one process at a time, on one host. */
  readonly folder?: string;
  /** Default 1 MiB. */
  readonly maxPayloadBytes?: number;
  /** How long a port waits for an answer; default 2,000. */
  readonly requestTimeoutMs?: number;
  /** Default: everything arrives at once. */
  readonly network?: Network;
}

/**
 * An engine in this process. Each silo has a port of it; without files it ends with the process.
 *
 * Messages and changes are delivered in a macrotask of their own, never in the stack of who causes them. The payload of a
 * message is not copied: the receiver sees the bytes the sender gave away.
 */
export class InProcessCluster {
  private readonly tables = new Map<string, TableStore>();
  private readonly streams = new Map<string, StreamStore>();
  private readonly ports = new Set<InProcessPort>();
  private readonly engine: PortEngine;
  private readonly exchange: MessageExchange;
  private journal: Journal = noJournal;
  private opening: Promise<void> | undefined;
  /** Why it serves nothing any more. */
  private ended: string | undefined;
  private running = false;
  private lastPort = 0;

  /** @throws GpuBridgeError `INVALID_ARGUMENT` */
  constructor(private readonly options: InProcessClusterOptions) {
    const { clock, storage = 'none', folder, network = immediateNetwork } = options;
    const { maxPayloadBytes = 2 ** 20, requestTimeoutMs = 2_000 } = options;
    checkCount('maxPayloadBytes', maxPayloadBytes, 1);
    checkCount('requestTimeoutMs', requestTimeoutMs, 1);
    if ((storage === 'file') !== (folder !== undefined)) {
      throw GpuBridgeError.invalidArgument('folder', folder, 'given for storage file, and for no other');
    }
    const exchange = new MessageExchange(network, maxPayloadBytes);
    // Getters below: what is known once the cluster is open, or changes.
    const journal = (): Journal => this.journal;
    const running = (): boolean => this.running;
    this.exchange = exchange;
    this.engine = {
      ...{ clock, network, exchange, storage, maxPayloadBytes, requestTimeoutMs },
      get journal() {
        return journal();
      },
      get running() {
        return running();
      },
      open: () => this.open(),
      table: (name, expireAfterMs) => this.table(name, expireAfterMs),
      stream: (name, streamOptions) => this.stream(name, streamOptions),
      forget: (port) => this.ports.delete(port),
    };
  }

  /**
   * A connection of its own, not open yet.
   *
   * @param id - how the network knows it; default `port-1`, `port-2`, …
   * @param options - `clock`: on which the port waits for answers, for simulations that freeze a silo.
   */
  port(id = `port-${++this.lastPort}`, { clock = this.options.clock }: { readonly clock?: Clock } = {}): InProcessPort {
    const port = new InProcessPort(id, this.engine, clock);
    if (this.ended !== undefined) port.end(this.ended);
    else this.ports.add(port);
    return port;
  }

  /** Closes every port, loses messages on their way, and stores what was written. Idempotent. */
  async close(): Promise<void> {
    this.end('the cluster is closed');
    await this.opening?.catch(() => undefined);
    await this.journal.close();
  }

  private end(reason: string): void {
    this.ended ??= reason;
    this.running = false;
    this.exchange.close();
    for (const port of [...this.ports]) port.end(reason);
  }

  private async open(): Promise<void> {
    this.opening ??= this.restore().catch((error: unknown) => {
      // Another process may have the folder, and leave it.
      this.opening = undefined;
      this.tables.clear();
      this.streams.clear();
      throw error;
    });
    await this.opening;
  }

  private async restore(): Promise<void> {
    const { folder, logger } = this.options;
    if (folder !== undefined) {
      this.journal = await FileJournal.open(folder, {
        logger,
        replay: (record) => this.replay(record),
        snapshot: () => this.snapshot(),
        onFailure: (reason) => this.end(reason),
      });
    }
    this.running = this.ended === undefined;
  }

  private table(name: string, expireAfterMs: number | undefined): TableStore {
    const known = this.tables.get(name);
    if (known === undefined) {
      const table = new TableStore(name, expireAfterMs, this.engine);
      this.tables.set(name, table);
      return table;
    }
    if (known.expireAfterMs === expireAfterMs) return known;
    const expected = `${known.expireAfterMs ?? 'undefined'}, as table ${name} was created`;
    throw GpuBridgeError.invalidArgument('expireAfterMs', expireAfterMs, expected);
  }

  private stream(name: string, options: ResolvedStreamOptions): StreamStore {
    const known = this.streams.get(name);
    if (known === undefined) {
      const stream = new StreamStore(name, options, this.engine);
      this.streams.set(name, stream);
      this.journal.append({ kind: 'stream', stream: name, options, sequence: 0 });
      return stream;
    }
    for (const field of ['maxEntries', 'expireAfterMs', 'dedupeWindowMs'] as const) {
      if (known.options[field] === options[field]) continue;
      const expected = `${known.options[field] ?? 'undefined'}, as stream ${name} was created`;
      throw GpuBridgeError.invalidArgument(field, options[field], expected);
    }
    return known;
  }

  private replay(record: JournalRecord): void {
    switch (record.kind) {
      case 'table':
      case 'row':
      case 'deletion':
        return this.table(record.table, undefined).replay(record);
      case 'stream':
        return this.stream(record.stream, record.options).replay(record);
      default: {
        const stream = this.streams.get(record.stream);
        if (stream === undefined) throw new Error(`stream ${record.stream} was not created`);
        stream.replay(record);
      }
    }
  }

  private *snapshot(): Generator<JournalRecord> {
    for (const table of this.tables.values()) yield* table.snapshot();
    for (const stream of this.streams.values()) yield* stream.snapshot();
  }
}
