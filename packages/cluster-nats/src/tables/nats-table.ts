import { checkClusterKey, checkClusterPayload } from '@gpu-bridge/abstractions';
import type { ClusterTable, Logger, TableChange, TableRow } from '@gpu-bridge/abstractions';
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import { clusterUnavailable } from '../connection/nats-failure.js';
import type { NatsLink } from '../connection/nats-link.js';
import type { Place } from '../naming/names.js';
import { plain } from '../naming/plain-bytes.js';
import { TableReader } from './table-reader.js';

const OPERATION = 'KV-Operation';
/** Each look of `create` meets a row that changed since the last; so many in a row come of nothing but a fight. */
const MOST_LOOKS = 32;

/** What came of a compare-and-set: the revision, or the sequence that stands there instead (0: none; undefined: not told). */
type Written = { readonly revision: number } | { readonly standing: number | undefined };

/**
 * A table is a KV bucket with a history of 1, read and written as every KV client does; a revision is a sequence of its
 * stream, which rises over keys, deletions and re-creations.
 *
 * A deleted row leaves a marker, whose revision watchers see; nothing may be updated or deleted at that revision.
 */
export class NatsTable implements ClusterTable {
  private readonly readers = new Set<TableReader>();

  constructor(
    private readonly link: NatsLink,
    readonly name: string,
    private readonly bucket: Place,
    private readonly logger: Logger,
  ) {}

  /** Any server that keeps the table may answer, also one that has not seen the last writes. */
  async get(key: string): Promise<TableRow | undefined> {
    checkClusterKey(key);
    const subject = `$JS.API.DIRECT.GET.${this.bucket.stream}.${this.bucket.prefix}${key}`;
    const timeout = this.link.timing.requestTimeoutMs;
    const answer = await this.link.attempt(
      `read ${this.name}`,
      ({ connection }) => connection.request(subject, undefined, { timeout }),
      {
        isRead: true,
      },
    );
    const fields = answer.headers;
    if (fields === undefined || fields.code === 404 || isDeletion(answer)) return undefined;
    if (fields.code !== 0) throw clusterUnavailable(`read ${this.name}`, fields.status);
    return { key, value: copied(answer), revision: Number(fields.get('Nats-Sequence')) };
  }

  async rows(): Promise<readonly TableRow[]> {
    const rows: TableRow[] = [];
    let caughtUp = (): void => undefined;
    const isComplete = new Promise<void>((resolve) => (caughtUp = resolve));
    const watch = await this.read((change) => {
      if (change.value !== undefined) rows.push({ key: change.key, value: change.value, revision: change.revision });
    }, caughtUp);
    await isComplete;
    watch[Symbol.dispose]();
    return rows;
  }

  async create(key: string, value: Uint8Array): Promise<number | undefined> {
    this.check(key, value);
    let expected = 0;
    for (let look = 0; look < MOST_LOOKS; look++) {
      const written = await this.write(key, value, expected);
      if ('revision' in written) return written.revision;
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
    return 'revision' in written ? written.revision : undefined;
  }

  async delete(key: string, revision: number): Promise<boolean> {
    checkClusterKey(key);
    return isRevision(revision) && 'revision' in (await this.write(key, undefined, revision));
  }

  async watch(listener: (change: TableChange) => void): Promise<Disposable> {
    return this.read(listener, () => undefined);
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

  private async read(listener: (change: TableChange) => void, onCaughtUp: () => void): Promise<Disposable> {
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
        onCaughtUp,
      },
      this.logger,
    );
    this.readers.add(reader);
    await reader.start();
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
    fields.set('Nats-Expected-Last-Subject-Sequence', `${expected}`);
    if (value === undefined) fields.set(OPERATION, 'DEL');
    return this.link.attempt(`write ${this.name}`, async ({ connection }): Promise<Written> => {
      try {
        const { seq } = await this.link.ask<{ seq: number }>(connection, this.bucket.prefix + key, value, fields);
        return { revision: seq };
      } catch (error) {
        if (!isLost(error)) throw error;
        const last = /wrong last sequence: (\d+)/.exec(error.message)?.[1];
        return { standing: last === undefined ? undefined : Number(last) };
      }
    });
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

function isLost(error: unknown): error is JetStreamApiError {
  if (!(error instanceof JetStreamApiError)) return false;
  const { StreamWrongLastSequence, StreamWrongLastSequenceUnknown } = JetStreamApiCodes;
  return error.code === StreamWrongLastSequence || error.code === StreamWrongLastSequenceUnknown;
}

/** 0 would mean "no row", which no row has. */
function isRevision(revision: number): boolean {
  return Number.isSafeInteger(revision) && revision > 0;
}
