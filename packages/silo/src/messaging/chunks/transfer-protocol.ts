/**
 * Large messages travel in chunks: OPEN announces one, GRANT lets so many chunks come, and its receiver grants more as they
 * arrive. A large message therefore neither fills the engine nor takes memory at the receiver that was not set aside.
 */

/** Measured over NATS: larger chunks, or more of them under way, are no faster. */
export const CHUNK_BYTES = 256 * 1024;
/** Chunks under way. */
export const CHUNK_WINDOW = 4;

/** Why a receiver does not take a message; part of the wire format. */
export const RefuseReason = {
  /** Larger than it takes. */
  TooLarge: 1,
  /** A chunk was lost, or nothing came for too long. */
  Lost: 2,
  /** Too many messages wait already. */
  NoRoom: 3,
  /** Nobody waits for it any more. */
  Unwanted: 4,
} as const;

export function chunkCount(totalBytes: number, chunkBytes: number): number {
  return Math.ceil(totalBytes / chunkBytes);
}
