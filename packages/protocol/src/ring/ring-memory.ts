import {
  LINE_BYTES,
  RING_ABI_VERSION,
  RING_HEADER_CAPACITY,
  RING_HEADER_GENERATION,
  RING_HEADER_MAGIC,
  RING_HEADER_VERSION,
  RING_MAGIC,
} from '../generated/ring-abi.js';

const WORDS_PER_LINE = LINE_BYTES / 4;

/** Word index, relative to the ring's first word, of each control line. */
export const SILO_LINE = WORDS_PER_LINE;
export const EXECUTOR_LINE = 2 * WORDS_PER_LINE;
const QUEUES = 3 * WORDS_PER_LINE;

/** Bytes of a ring with `capacity` entries in each queue. */
export function ringSizeBytes(capacity: number): number {
  return (3 + 2 * capacity) * LINE_BYTES;
}

/**
 * The words of one ring in shared memory, and the four operations that order them. Everything else reads and writes
 * plainly: `publish` releases what was written before it, `isPublished` acquires it, `park` and `wake` are a
 * Dekker pair (each side stores its own word, then loads the other's, all sequentially consistent), so no wake-up is
 * lost.
 */
export class RingMemory {
  /** The ring's words; index 0 is the header. */
  readonly words: Uint32Array;
  /** The same words for waiting, which JavaScript allows on Int32Array alone. */
  readonly signals: Int32Array<SharedArrayBuffer>;
  readonly capacity: number;

  /**
   * @param buffer - shared memory; `byteOffset` is a multiple of 64.
   * @param capacity - entries of each queue, a power of two.
   */
  constructor(buffer: SharedArrayBuffer, byteOffset: number, capacity: number) {
    if (byteOffset % LINE_BYTES !== 0)
      throw new RangeError(`ring offset ${byteOffset} is not a multiple of ${LINE_BYTES}`);
    if (!Number.isInteger(capacity) || capacity < 1 || (capacity & (capacity - 1)) !== 0)
      throw new RangeError(`ring capacity ${capacity} is not a power of two`);
    const length = ringSizeBytes(capacity) / 4;
    this.words = new Uint32Array(buffer, byteOffset, length);
    this.signals = new Int32Array(buffer, byteOffset, length);
    this.capacity = capacity;
  }

  /** Clears the ring for a new incarnation. Nobody else may touch it meanwhile. */
  initialise(generation: number): void {
    this.words.fill(0);
    this.words[RING_HEADER_MAGIC] = RING_MAGIC;
    this.words[RING_HEADER_VERSION] = RING_ABI_VERSION;
    this.words[RING_HEADER_CAPACITY] = this.capacity;
    this.words[RING_HEADER_GENERATION] = generation;
  }

  /** @throws RangeError when the memory does not hold a ring of this version and capacity. */
  checkHeader(): void {
    const [magic, version, capacity] = this.words;
    if (magic !== RING_MAGIC || version !== RING_ABI_VERSION || capacity !== this.capacity) {
      throw new RangeError(
        `no ring of ABI v${RING_ABI_VERSION} with ${this.capacity} entries here (magic ${magic}, version ${version}, capacity ${capacity})`,
      );
    }
  }

  get generation(): number {
    return this.words[RING_HEADER_GENERATION]!;
  }

  /** Word index of the submission slot for a position. */
  submissionSlot(position: number): number {
    return QUEUES + (position & (this.capacity - 1)) * WORDS_PER_LINE;
  }

  /** Word index of the completion slot for a position. */
  completionSlot(position: number): number {
    return QUEUES + (this.capacity + (position & (this.capacity - 1))) * WORDS_PER_LINE;
  }

  /** Stores `seq`, the first word of the slot, with release order: the slot's other words become visible with it. */
  publish(slot: number, position: number): void {
    Atomics.store(this.signals, slot, (position + 1) | 0);
  }

  /** Whether the slot holds the entry of this position; acquires its words when true. */
  isPublished(slot: number, position: number): boolean {
    return Atomics.load(this.signals, slot) === ((position + 1) | 0);
  }

  /** Rings `bell` if the other side says in `parkedFlag` that it is parked. Call after `publish`. */
  wake(parkedFlag: number, bell: number): void {
    if (Atomics.load(this.signals, parkedFlag) === 0) return;
    Atomics.add(this.signals, bell, 1);
    Atomics.notify(this.signals, bell);
  }
}
