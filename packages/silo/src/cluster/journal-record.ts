import { Decoder, Encoder } from '@msgpack/msgpack';

/** Options of a stream, with the defaults filled in. */
export interface ResolvedStreamOptions {
  readonly maxEntries: number;
  readonly expireAfterMs: number | undefined;
  readonly dedupeWindowMs: number;
}

/**
 * One fact that survives a restart, or one part of a snapshot. Times are times of day, ms: monotonic ones mean nothing to
 * another process.
 */
export type JournalRecord =
  /** A table, and the last revision it gave; deletions are counted, too. */
  | { readonly kind: 'table'; readonly table: string; readonly revision: number }
  | {
      readonly kind: 'row';
      readonly table: string;
      readonly key: string;
      readonly value: Uint8Array;
      readonly revision: number;
    }
  | { readonly kind: 'deletion'; readonly table: string; readonly key: string; readonly revision: number }
  /** A stream, and the last sequence it gave. */
  | {
      readonly kind: 'stream';
      readonly stream: string;
      readonly options: ResolvedStreamOptions;
      readonly sequence: number;
    }
  | {
      readonly kind: 'entry';
      readonly stream: string;
      readonly sequence: number;
      readonly subject: string;
      readonly payload: Uint8Array;
      readonly wallMs: number;
    }
  | {
      readonly kind: 'message-id';
      readonly stream: string;
      readonly messageId: string;
      readonly sequence: number;
      readonly wallMs: number;
    }
  | { readonly kind: 'acknowledgement'; readonly stream: string; readonly sequence: number };

type Fields = readonly (string | number | boolean | null | undefined | Uint8Array)[];

const encoder = new Encoder({ ignoreUndefined: false });
const decoder = new Decoder();

/** As a MessagePack array; the checksum of its frame vouches for it. */
export function encodeRecord(record: JournalRecord): Uint8Array {
  return encoder.encode(fieldsOf(record));
}

function fieldsOf(record: JournalRecord): Fields {
  switch (record.kind) {
    case 'table':
      return ['table', record.table, record.revision];
    case 'row':
      return ['row', record.table, record.key, record.value, record.revision];
    case 'deletion':
      return ['deletion', record.table, record.key, record.revision];
    case 'stream': {
      const { maxEntries, expireAfterMs, dedupeWindowMs } = record.options;
      return ['stream', record.stream, maxEntries, expireAfterMs ?? null, dedupeWindowMs, record.sequence];
    }
    case 'entry':
      return ['entry', record.stream, record.sequence, record.subject, record.payload, record.wallMs];
    case 'message-id':
      return ['message-id', record.stream, record.messageId, record.sequence, record.wallMs];
    case 'acknowledgement':
      return ['acknowledgement', record.stream, record.sequence];
  }
}

/** @throws Error for anything that is no record of this version. */
export function* decodeRecords(bytes: Uint8Array): Generator<JournalRecord> {
  for (const fields of decoder.decodeMulti(bytes)) {
    if (!Array.isArray(fields)) throw new Error('a record is no array');
    yield recordOf(new FieldReader(fields));
  }
}

function recordOf(fields: FieldReader): JournalRecord {
  const kind = fields.text();
  switch (kind) {
    case 'table':
      return { kind, table: fields.text(), revision: fields.number() };
    case 'row':
      return { kind, table: fields.text(), key: fields.text(), value: fields.bytes(), revision: fields.number() };
    case 'deletion':
      return { kind, table: fields.text(), key: fields.text(), revision: fields.number() };
    case 'stream': {
      const stream = fields.text();
      const options = {
        maxEntries: fields.number(),
        expireAfterMs: fields.optionalNumber(),
        dedupeWindowMs: fields.number(),
      };
      return { kind, stream, options, sequence: fields.number() };
    }
    case 'entry':
      return {
        kind,
        stream: fields.text(),
        sequence: fields.number(),
        subject: fields.text(),
        payload: fields.bytes(),
        wallMs: fields.number(),
      };
    case 'message-id':
      return {
        kind,
        stream: fields.text(),
        messageId: fields.text(),
        sequence: fields.number(),
        wallMs: fields.number(),
      };
    case 'acknowledgement':
      return { kind, stream: fields.text(), sequence: fields.number() };
    default:
      throw new Error(`no record is a ${kind}`);
  }
}

/** Takes the fields of a record one by one. Evaluation order of object literals is the order of the fields. */
class FieldReader {
  private next = 0;

  constructor(private readonly fields: readonly unknown[]) {}

  text(): string {
    const field = this.take();
    if (typeof field !== 'string') throw new Error(`a text is a ${typeof field}`);
    return field;
  }

  number(): number {
    const field = this.take();
    if (typeof field !== 'number') throw new Error(`a number is a ${typeof field}`);
    return field;
  }

  optionalNumber(): number | undefined {
    return this.fields[this.next] === null ? void this.take() : this.number();
  }

  /** A copy: what was decoded is a part of the whole file's bytes. */
  bytes(): Uint8Array {
    const field = this.take();
    if (!(field instanceof Uint8Array)) throw new Error(`bytes are a ${typeof field}`);
    return field.slice();
  }

  private take(): unknown {
    return this.fields[this.next++];
  }
}
