/**
 * Kinds of frames. The numbers are part of the wire format. A call's id is counted by its caller, a transfer's by its sender;
 * together with the address they name one call, or one transfer, of the cluster.
 */
export const FrameKind = {
  /** Caller to callee. */
  Call: 1,
  Cancel: 2,
  /** Items up to this number may be sent. */
  Credit: 3,

  /** Callee to caller: exactly one of these answers a call. */
  Result: 4,
  Error: 5,
  /** The result is a stream: items follow, and an end. */
  Stream: 6,
  Item: 7,
  End: 8,

  /** Either: which of these calls does the other side still know? */
  Ping: 9,
  Know: 10,

  /** Sender of a large message to its receiver. */
  Open: 11,
  Chunk: 12,
  Withdraw: 13,
  /** Receiver to sender: chunks up to this number may be sent. */
  Grant: 14,
  Refuse: 15,
} as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

const KINDS = new Set<number>(Object.values(FrameKind));
const isKind = (kind: number): kind is FrameKind => KINDS.has(kind);

/** Silos of another version of frames do not understand each other. */
const VERSION = 1;
const ADDRESS = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
const MAX_ADDRESS_BYTES = 128;

/** Bytes that a frame has beside its body, at most. */
export const MAX_HEADER_BYTES = 3 + MAX_ADDRESS_BYTES + 4;

/** One message of the port: who sent it, what it is and which call or transfer it is about. */
export interface Frame {
  readonly kind: FrameKind;
  readonly from: string;
  /** u32 */
  readonly id: number;
  /** Part of the payload: valid as long as that. */
  readonly body: Uint8Array;
}

/** Puts frames together: version, kind, length of the address, address, id (u32, big endian), body. */
export class FrameWriter {
  private readonly header: Uint8Array;

  /** @param address - of this silo. */
  constructor(address: string) {
    this.header = Uint8Array.of(VERSION, 0, address.length, ...Buffer.from(address, 'latin1'));
  }

  write(kind: FrameKind, id: number, body: Uint8Array): Uint8Array {
    const frame = this.begin(kind, id, body.byteLength);
    frame.set(body, this.header.byteLength + 4);
    return frame;
  }

  /** The body is the number of the chunk, and its bytes. */
  writeChunk(id: number, index: number, chunk: Uint8Array): Uint8Array {
    const frame = this.begin(FrameKind.Chunk, id, 4 + chunk.byteLength);
    writeU32(frame, this.header.byteLength + 4, index);
    frame.set(chunk, this.header.byteLength + 8);
    return frame;
  }

  private begin(kind: FrameKind, id: number, bodyBytes: number): Uint8Array {
    const { header } = this;
    // Of Node's pool: a frame is short-lived, and every byte of it is written.
    const frame = Buffer.allocUnsafe(header.byteLength + 4 + bodyBytes);
    frame.set(header);
    frame[1] = kind;
    writeU32(frame, header.byteLength, id);
    return frame;
  }
}

/** @returns undefined for what is no frame of this version. */
export function parseFrame(payload: Uint8Array): Frame | undefined {
  const kind = payload[1] ?? 0;
  const addressBytes = payload[2] ?? 0;
  const idAt = 3 + addressBytes;
  if (payload[0] !== VERSION || !isKind(kind) || payload.byteLength < idAt + 4) return undefined;
  const from = Buffer.from(payload.buffer, payload.byteOffset + 3, addressBytes).toString('latin1');
  if (addressBytes > MAX_ADDRESS_BYTES || !ADDRESS.test(from)) return undefined;
  return { kind, from, id: readU32(payload, idAt), body: payload.subarray(idAt + 4) };
}

export const NOTHING = new Uint8Array(0);

function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** A body of numbers, u32 each. */
export function numberBody(...values: number[]): Uint8Array {
  const body = new Uint8Array(values.length * 4);
  values.forEach((value, i) => writeU32(body, i * 4, value));
  return body;
}

/** @returns the numbers of {@link numberBody}; undefined when the body is none of so many. */
export function readNumbers(body: Uint8Array, count: number): number[] | undefined {
  if (body.byteLength !== count * 4) return undefined;
  return Array.from({ length: count }, (_, i) => readU32(body, i * 4));
}

/** The number and the bytes of a chunk; undefined for a body that is none. */
export function readChunk(body: Uint8Array): { readonly index: number; readonly bytes: Uint8Array } | undefined {
  return body.byteLength < 4 ? undefined : { index: readU32(body, 0), bytes: body.subarray(4) };
}
