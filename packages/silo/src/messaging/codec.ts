import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { Decoder, Encoder, ExtData } from '@msgpack/msgpack';
import { Extension, bigIntFrom, int64From, ownBuffer, typedArrayFrom } from './codec/extensions.js';
import { prepare } from './codec/plain-data.js';
import type { ValueWriter } from './codec/plain-data.js';
import { MAX_DEPTH, isWholeValue } from './codec/structure.js';

export type { ValueWriter } from './codec/plain-data.js';

/** Counterpart of {@link ValueWriter}. */
export interface ValueReader {
  /** @returns what an extension of {@link ValueWriter.extend} stands for; undefined when it stands for nothing. */
  restore(extension: number, data: Uint8Array): object | undefined;
}

/**
 * Plain data as MessagePack: undefined, null, booleans, numbers and bigints (exactly), strings, arrays, plain objects, typed
 * arrays and ArrayBuffers. Instances of classes, functions, symbols and cycles are refused; holes of arrays become
 * undefined, and properties with symbols as names are left out.
 *
 * @param root - what errors call the value; `args` gives `args[1].columns.x`.
 * @returns bytes of its own.
 * @throws GpuBridgeError `INVALID_ARGUMENT` naming the path of what is no plain data.
 */
export function encodeValue(value: unknown, root = 'value', writer?: ValueWriter): Uint8Array {
  const { value: prepared, bulkBytes } = prepare(value, root, writer);
  return ownBytes(encodePrepared(prepared, bulkBytes));
}

/**
 * `[value, ...fields]` in one, for messages that say more than a value.
 *
 * @returns bytes that are valid until the next value is encoded, unless {@link ownBytes} is asked for them.
 * @throws as {@link encodeValue}
 */
export function encodeShared(
  fields: readonly unknown[],
  value: unknown,
  root: string,
  writer: ValueWriter | undefined,
): Uint8Array {
  const body = prepare(value, root, writer);
  const head = prepare(fields, 'fields', undefined);
  return encodePrepared([body.value, ...(head.value as unknown[])], body.bulkBytes + head.bulkBytes);
}

function encodePrepared(prepared: unknown, bulkBytes: number): Uint8Array {
  // The library doubles its buffer as it grows and copies the result; neither shall happen to what is large.
  if (bulkBytes > LARGE_BYTES) return newEncoder(bulkBytes + LARGE_BYTES).encodeSharedRef(prepared);
  const bytes = smallEncoder.encodeSharedRef(prepared);
  // It keeps its buffer; one that has become large after all is better given away.
  if (bytes.byteLength > LARGE_BYTES) smallEncoder = newEncoder(INITIAL_BYTES);
  return bytes;
}

/** Bytes that nobody else writes to, from those of {@link encodeShared}. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength > LARGE_BYTES ? bytes : bytes.slice();
}

/**
 * What {@link encodeValue} encoded. Nothing of it shares memory with `bytes`.
 *
 * @throws GpuBridgeError `MESSAGE_INVALID` for any other bytes.
 */
export function decodeValue(bytes: Uint8Array, reader?: ValueReader): unknown {
  if (!isWholeValue(bytes)) throw invalid(`${bytes.byteLength} bytes are no value of at most ${MAX_DEPTH} levels`);
  // A reader may itself decode what it restores.
  const outer = extensions.reader;
  try {
    extensions.reader = reader;
    return decoder.decode(bytes);
  } catch (error) {
    if (GpuBridgeError.is(error, 'MESSAGE_INVALID')) throw error;
    throw invalid(error instanceof Error ? error.message : 'no value', error);
  } finally {
    extensions.reader = outer;
  }
}

function invalid(reason: string, cause?: unknown): GpuBridgeError<'MESSAGE_INVALID'> {
  return new GpuBridgeError('MESSAGE_INVALID', { reason }, reason, { cause });
}

const INITIAL_BYTES = 8 * 1024;
const LARGE_BYTES = 64 * 1024;

const extensions = {
  reader: undefined as ValueReader | undefined,

  tryToEncode(object: unknown): ExtData | null {
    return object instanceof ExtData ? object : null;
  },

  decode(data: Uint8Array, type: number): unknown {
    switch (type) {
      case Extension.Undefined:
        return undefined;
      case Extension.NegativeZero:
        return -0;
      case Extension.BigInt64:
        return int64From(data) ?? malformed('bigint');
      case Extension.BigIntAny:
        return bigIntFrom(data) ?? malformed('bigint');
      case Extension.String16:
        return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf16le');
      case Extension.ArrayBuffer:
        return ownBuffer(data);
      default:
        return typedArrayFrom(type, data) ?? this.reader?.restore(type, data) ?? malformed(`extension ${type}`);
    }
  },
};

function malformed(what: string): never {
  throw invalid(`malformed ${what}`);
}

// Depth is limited before; a frame adds levels of its own.
const newEncoder = (initialBufferSize: number): Encoder =>
  new Encoder({ extensionCodec: extensions, initialBufferSize, maxDepth: MAX_DEPTH + 2 });
let smallEncoder = newEncoder(INITIAL_BYTES);

const decoder = new Decoder({
  extensionCodec: extensions,
  mapKeyConverter: (key) => (typeof key === 'string' ? key : malformed('property name')),
});
