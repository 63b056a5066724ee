import { checkClusterKey, checkClusterPayload } from '@gpu-bridge/abstractions';
import type { ClusterTable, Logger, TableChange, TableRow } from '@gpu-bridge/abstractions';
import { headers } from '@nats-io/transport-node';
import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { ConditionalWriter } from '../connection/conditional-writer.js';
import type { Written } from '../connection/conditional-writer.js';
import { clusterUnavailable, failureOf } from '../connection/nats-failure.js';
import type { NatsLink } from '../connection/nats-link.js';
import type { Place } from '../naming/names.js';
import { plain } from '../naming/plain-bytes.js';
import { TableReader } from './table-reader.js';
import type { ReaderListener } from './table-reader.js';

const OPERATION = 'KV-Operation';
/** Each look of `create` meets a row that changed since the last; so many in a row come of nothing but a fight. */
const MOST_LOOKS = 32;

/**
 * A table is a KV bucket with a history of 1, read and written as every KV client does; a revision is a sequence of its
 * stream, which rises over keys, deletions and re-creations.
 *
 * A deleted row leaves a marker, whose revision watchers see; nothing may be updated or deleted at that revision.
 */
export class NatsTable implements ClusterTable {
  private readonly readers = new Set<TableReader>();
  private readonly writer: ConditionalWriter;

  constructor(
    private readonly link: NatsLink,
    readonly name: string,
    private readonly bucket: Place,
    private readonly logger: Logger,
  ) {
    this.writer = new ConditionalWriter(link);
  }

  /** The leader answers; when it does not, any other server that keeps the table, which may not have seen the last writes. */
  async get(key: string): Promise<TableRow | undefined> {
    checkClusterKey(key);
    const subject = this.bucket.prefix + key;
    return this.link.attempt(
      `read ${this.name}`,
      async ({ connection, manager }) => {
        if (this.link.isReplicated) {
          try {
            const entry = await manager.streams.getMessage(this.bucket.stream, { last_by_subj: subject });
            if (entry === null || isDeletion({ headers: entry.header })) return undefined;
            return { key, value: plain(entry.data), revision: entry.seq };
          } catch (error) {
            if (failureOf(error).fate === 'refused') throw error;
          }
        }
        return this.readAnywhere(connection, key);
      },
      { isRead: true },
    );
  }

  async rows(): Promise<readonly TableRow[]> {
    const what = `read ${this.name}`;
    const rows = new Map<string, TableRow>();
    const end = settling<void>();
    const limitMs = Math.max(this.link.timing.retryForMs, this.link.timing.requestTimeoutMs);
    const silence = setTimeout(() => end.reject(clusterUnavailable(what, 'no answer in time')), 2 * limitMs);
    const take = ({ key, value, revision }: TableChange): void => {
      silence.refresh();
      rows.delete(key); // written while we read: it moves to where its last revision belongs
      if (value !== undefined) rows.set(key, { key, value, revision });
    };
    const onStop = (): void => end.reject(clusterUnavailable(what, 'the port was closed'));
    try {
      const reading = await this.read(take, { onCaughtUp: end.resolve, onStop });
      await end.promise.finally(() => reading[Symbol.dispose]());
    } finally {
      clearTimeout(silence);
    }
    return [...rows.values()];
  }

  async create(key: string, value: Uint8Array): Promise<number | undefined> {
    this.check(key, value);
    let expected = 0;
    for (let look = 0; look < MOST_LOOKS; look++) {
      const written = await this.write(key, value, expected);
      if ('sequence' in written) return written.sequence;
      // The refusal says what stood there. An entry never changes, so looking at it decides, whoever writes meanwhile.
      const { standing } = written;
      const found = standing === 0 ? 'gone' : await this.entryAt(key, standing);
      if (found === 'row') return undefined;
      expected = found === 'gone' ? 0 : found.marker;
    }
    throw clusterUnavailable(`write ${this.name}`, 'too many write the same key');
  }

  async update(key: string, value: Uint8Array, revision: number): Promise<number | undefined> {
    this.check(key, value);
    if (!isRevision(revision)) return undefined;
    const written = await this.write(key, value, revision);
    return 'sequence' in written ? written.sequence : undefined;
  }

  async delete(key: string, revision: number): Promise<boolean> {
    checkClusterKey(key);
    return isRevision(revision) && 'sequence' in (await this.write(key, undefined, revision));
  }

  async watch(listener: (change: TableChange) => void): Promise<Disposable> {
    return this.read(listener, { onCaughtUp: () => undefined });
  }

  /** Ends every watch. */
  close(): void {
    for (const reader of this.readers) reader.stop();
    this.readers.clear();
  }

  private check(key: string, value: Uint8Array): void {
    checkClusterKey(key);
    checkClusterPayload(value, this.link.maxPayloadBytes, 'value');
  }

  private async read(
    listener: (change: TableChange) => void,
    progress: Pick<ReaderListener, 'onCaughtUp' | 'onStop'>,
  ): Promise<Disposable> {
    const { prefix, stream } = this.bucket;
    const reader = new TableReader(
      this.link,
      stream,
      {
        onEntry: ({ subject, sequence, message }) => {
          const value = isDeletion(message) ? undefined : copied(message);
          try {
            listener({ key: subject.slice(prefix.length), value, revision: sequence });
          } catch (error) {
            // It would end the reading of the connection.
            this.logger.error('a listener of a table threw', { table: this.name, error });
          }
        },
        ...progress,
      },
      this.logger,
    );
    this.readers.add(reader);
    await reader.start().catch((error: unknown) => {
      this.readers.delete(reader);
      throw error;
    });
    return {
      [Symbol.dispose]: () => {
        this.readers.delete(reader);
        reader.stop();
      },
    };
  }

  /** @param value - undefined deletes. */
  private write(key: string, value: Uint8Array | undefined, expected: number): Promise<Written> {
    const fields = headers();
    if (value === undefined) fields.set(OPERATION, 'DEL');
    return this.writer.write(`write ${this.name}`, this.bucket.prefix + key, value, fields, expected);
  }

  private async readAnywhere(connection: NatsConnection, key: string): Promise<TableRow | undefined> {
    const subject = `$JS.API.DIRECT.GET.${this.bucket.stream}.${this.bucket.prefix}${key}`;
    const answer = await connection.request(subject, undefined, { timeout: this.link.timing.requestTimeoutMs });
    const fields = answer.headers;
    if (fields === undefined || fields.code === 404 || isDeletion(answer)) return undefined;
    if (fields.code !== 0) throw clusterUnavailable(`read ${this.name}`, fields.status);
    return { key, value: copied(answer), revision: Number(fields.get('Nats-Sequence')) };
  }

  /** What the entry of a key is, as the leader has it: a row, the marker of a deletion, or gone. */
  private entryAt(key: string, sequence: number | undefined): Promise<'row' | 'gone' | { readonly marker: number }> {
    const subject = this.bucket.prefix + key;
    const query = sequence === undefined ? { last_by_subj: subject } : { seq: sequence };
    return this.link.attempt(
      `read ${this.name}`,
      async ({ manager }) => {
        const entry = await manager.streams.getMessage(this.bucket.stream, query);
        if (entry === null || entry.subject !== subject) return 'gone';
        return isDeletion({ headers: entry.header }) ? { marker: entry.seq } : 'row';
      },
      { isRead: true },
    );
  }
}

/** NATS marks deletions by a header. Clients that purge leave `PURGE`. */
function isDeletion(entry: { readonly headers?: MsgHdrs | undefined }): boolean {
  const operation = entry.headers?.get(OPERATION) ?? '';
  return operation === 'DEL' || operation === 'PURGE';
}

/** Rows are kept; the buffer they came in, of up to 64 KiB, is not. */
function copied(message: Msg): Uint8Array {
  return plain(message.data).slice();
}

/** 0 would mean "no row", which no row has. */
function isRevision(revision: number): boolean {
  return Number.isSafeInteger(revision) && revision > 0;
}

/** A promise that others settle; nobody has to wait for it. */
function settling<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
