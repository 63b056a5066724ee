/**
 * The seam between the silo and the engine that connects silos: tables with compare-and-set, messages, durable streams,
 * and nothing else. Membership, directory, calls, credits and placement are the silo's, the same on every engine.
 *
 * One port is one connection of one process. Everything that talks to the engine rejects with `CLUSTER_UNAVAILABLE` while
 * the engine cannot be reached or has no quorum; whether it took effect is then unknown, and the caller must look.
 */
export interface ClusterPort {
  /** Name of the engine, for logs: `in-process`, `nats`. */
  readonly name: string;
  /** Largest payload of one message, stream entry or table row, bytes. */
  readonly maxPayloadBytes: number;
  /** Whether what is kept in tables and streams outlives this process. */
  readonly storage: ClusterStorage;

  /** Connects, and from then on reconnects by itself. @throws GpuBridgeError `CLUSTER_UNAVAILABLE` */
  open(): Promise<void>;
  /** Sends what was accepted, closes every endpoint, and disconnects. Idempotent. */
  close(): Promise<void>;
  /** Told of every later loss and return of the connection. */
  onConnectionChange(listener: (connected: boolean) => void): Disposable;

  /**
   * Takes the messages sent to `address` from now on; an address has one endpoint in the cluster. A second one is
   * `INVALID_ARGUMENT` where the engine can see it.
   *
   * @param address - 1 … 128 characters of `A-Z a-z 0-9 - _ .`, no empty part between dots.
   */
  listen(address: string, listener: MessageListener): Promise<ClusterEndpoint>;

  /**
   * Opens a table, creating it where it does not exist. Opened with other options than it was created with: `INVALID_ARGUMENT`.
   *
   * @param name - 1 … 64 characters of `A-Z a-z 0-9 - _`.
   */
  openTable(name: string, options?: TableOptions): Promise<ClusterTable>;

  /** Opens a durable stream, creating it where it does not exist. Names and other options: as for tables. */
  openStream(name: string, options: StreamOptions): Promise<ClusterStream>;
}

/** `none`: lost with the process. `memory`: lost with the engine. `file`: kept across restarts of the engine. */
export type ClusterStorage = 'none' | 'memory' | 'file';

/** Receives messages; must not throw. Called one message at a time, in the order each sender sent them. */
export interface MessageListener {
  /** @param payload - valid during the call only. */
  onMessage(payload: Uint8Array): void;
  /** Nobody listened at the address of a message that was sent with this correlation. A hint: absence of it proves nothing. */
  onUndeliverable(correlation: number): void;
}

/** One address in use. */
export interface ClusterEndpoint {
  readonly address: string;
  /**
   * Sends at most once, without waiting; messages of one endpoint to one address arrive in order or not at all. Lost
   * without a word when the connection breaks, or is closed.
   *
   * @param payload - taken over: it may not be changed afterwards.
   * @param correlation - u32; asks for `onUndeliverable` when nobody listens at `to`.
   * @throws GpuBridgeError `INVALID_ARGUMENT` for a payload above `maxPayloadBytes`.
   */
  send(to: string, payload: Uint8Array, correlation?: number): void;
  /**
   * Gives the address up. Messages that have arrived by then may still be handed over, and what is sent while they are goes
   * out; when it resolves, nothing more does. Idempotent.
   */
  close(): Promise<void>;
}

export interface TableOptions {
  /** Rows that were not written for so long vanish, unseen by watchers; ms. Default: rows stay. */
  readonly expireAfterMs?: number;
}

/**
 * Rows of bytes by key, with compare-and-set. The revision of a write is larger than that of every write to any key of the
 * table before it, deletions included, which is what makes it a fencing token.
 *
 * Keys are 1 … 512 characters of `A-Z a-z 0-9 - _ = / .`, no empty part between dots.
 */
export interface ClusterTable {
  readonly name: string;
  /** May be stale: only a compare-and-set decides. */
  get(key: string): Promise<TableRow | undefined>;
  /** Every row; may be stale. */
  rows(): Promise<readonly TableRow[]>;
  /** Writes a row that does not exist. @returns its revision; undefined when it exists. */
  create(key: string, value: Uint8Array): Promise<number | undefined>;
  /** Writes a row that stands at `revision`. @returns the new revision; undefined when it is another or gone. */
  update(key: string, value: Uint8Array, revision: number): Promise<number | undefined>;
  /** Deletes a row that stands at `revision`. @returns whether it did. */
  delete(key: string, revision: number): Promise<boolean>;
  /**
   * Tells of every row, then of every change in order of revision, each revision once; after a reconnect it goes on from
   * where it broke. A change may be left out when a later one of its key is told. Expiry is not told. Never called in the
   * stack of a writer.
   */
  watch(listener: (change: TableChange) => void): Promise<Disposable>;
}

export interface TableRow {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: number;
}

/** `value` is undefined when the row was deleted. */
export interface TableChange {
  readonly key: string;
  readonly value: Uint8Array | undefined;
  readonly revision: number;
}

export interface StreamOptions {
  /** Entries kept at most; when full, publishing is refused with `STREAM_FULL` until entries are acknowledged or expire. */
  readonly maxEntries: number;
  /** Entries older than this vanish, ms. Default: they stay. */
  readonly expireAfterMs?: number;
  /** How long a repeated `messageId` is recognised, ms. Default 120,000. */
  readonly dedupeWindowMs?: number;
}

/**
 * A log by subject, kept by the engine until its entries are acknowledged. A subject belongs to one consumer. Delivered at
 * least once: consumers remove duplicates.
 */
export interface ClusterStream {
  readonly name: string;
  /**
   * Appends; resolves when the engine has it.
   *
   * @param subject - as an address.
   * @returns undefined when `expectedLastSequence` is not the subject's last.
   * @throws GpuBridgeError `STREAM_FULL`, `CLUSTER_UNAVAILABLE`.
   */
  publish(subject: string, payload: Uint8Array, options?: PublishOptions): Promise<PublishReceipt | undefined>;
  /**
   * The entries of a subject (default: of all) for a durable consumer, in order, from where it stopped. Ending the iteration
   * leaves what was not acknowledged to the next one of this name. `signal` ends it without an error; while it waits for an
   * entry, nothing else does. It waits while the connection is lost, and rejects with `CLUSTER_UNAVAILABLE` once the port is
   * closed.
   */
  consume(options: ConsumeOptions): AsyncIterable<StreamEntry>;
}

export interface PublishOptions {
  /**
   * Repeated within the dedupe window, it is not appended again; looked at before everything else. Not empty. An engine that
   * restarts may forget those of acknowledged entries.
   */
  readonly messageId?: string;
  /** Sequence of the subject's last entry that is still kept, 0 for none: appends only behind it. */
  readonly expectedLastSequence?: number;
}

export interface PublishReceipt {
  readonly sequence: number;
  readonly duplicate: boolean;
}

export interface ConsumeOptions {
  /** Name under which the engine keeps the position; 1 … 64 characters of `A-Z a-z 0-9 - _`. */
  readonly consumer: string;
  readonly subject?: string;
  /** Entries delivered and not acknowledged, at most: the consumer's credits. */
  readonly maxUnacknowledged: number;
  /** An entry not acknowledged for so long is delivered again, ms. Default 30,000. */
  readonly acknowledgeWithinMs?: number;
  readonly signal?: AbortSignal;
}

export interface StreamEntry {
  readonly subject: string;
  readonly sequence: number;
  readonly payload: Uint8Array;
  /** Delivered before, or perhaps so: after a restart of the engine, or when fetched for an iteration that ended. */
  readonly redelivered: boolean;
  /** Resolves when the engine knows. */
  acknowledge(): Promise<void>;
}
