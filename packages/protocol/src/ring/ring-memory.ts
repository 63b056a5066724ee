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
 * The operations on a ring's words that order others and that wait: sequentially consistent, by word index from the start
 * of the ring. Which there are depends on what the memory is: {@link AtomicsSignals} for a SharedArrayBuffer; memory that
 * another process maps has signals of its own.
 */
export interface RingSignals {
  /** As i32. */
  load(word: number): number;
  store(word: number, value: number): void;
  /** Adds one to a bell and wakes whoever waits for it. */
  ring(bell: number): void;
  /** Wakes whoever waits for a bell, as if it had rung. */
  notify(bell: number): void;
  /** Blocks this thread while the word is `expected`, at most `timeoutMs`, until the bell rings. Never on a main thread. */
  wait(bell: number, expected: number, timeoutMs: number): void;
  /** Resolves once the bell has rung, at once when the word is not `expected`. Keeps no process alive. */
  waitAsync(bell: number, expected: number): Promise<void>;
}

/** Signals in memory that threads of one process share. */
class AtomicsSignals implements RingSignals {
  constructor(private readonly words: Int32Array<SharedArrayBuffer>) {}

  load(word: number): number {
    return Atomics.load(this.words, word);
  }

  store(word: number, value: number): void {
    Atomics.store(this.words, word, value);
  }

  ring(bell: number): void {
    Atomics.add(this.words, bell, 1);
    Atomics.notify(this.words, bell);
  }

  notify(bell: number): void {
    Atomics.notify(this.words, bell);
  }

  wait(bell: number, expected: number, timeoutMs: number): void {
    Atomics.wait(this.words, bell, expected, timeoutMs);
  }

  async waitAsync(bell: number, expected: number): Promise<void> {
    const wait = Atomics.waitAsync(this.words, bell, expected);
    if (wait.async) await wait.value;
  }
}

/**
 * The words of one ring in shared memory, and the operations that order them. Everything else reads and writes
 * plainly: `publish` releases what was written before it, `isPublished` acquires it, `park` and `wake` are a
 * Dekker pair (each side stores its own word, then loads the other's, all sequentially consistent), so no wake-up is
 * lost.
 */
export class RingMemory {
  /** The ring's words; index 0 is the header. */
  readonly words: Uint32Array;
  readonly signals: RingSignals;
  readonly capacity: number;

  /**
   * @param buffer - memory that both ends see; `byteOffset` is a multiple of 64.
   * @param capacity - entries of each queue, a power of two.
   * @param signals - needed where `buffer` is not a SharedArrayBuffer: indexes count from `byteOffset`.
   */
  constructor(buffer: ArrayBufferLike, byteOffset: number, capacity: number, signals?: RingSignals) {
    if (byteOffset % LINE_BYTES !== 0)
      throw new RangeError(`ring offset ${byteOffset} is not a multiple of ${LINE_BYTES}`);
    if (!Number.isInteger(capacity) || capacity < 1 || (capacity & (capacity - 1)) !== 0)
      throw new RangeError(`ring capacity ${capacity} is not a power of two`);
    const length = ringSizeBytes(capacity) / 4;
    this.words = new Uint32Array(buffer, byteOffset, length);
    this.capacity = capacity;
    if (signals !== undefined) this.signals = signals;
    else if (buffer instanceof SharedArrayBuffer)
      this.signals = new AtomicsSignals(new Int32Array(buffer, byteOffset, length));
    else throw new TypeError('memory that is no SharedArrayBuffer needs signals of its own');
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
    this.signals.store(slot, (position + 1) | 0);
  }

  /** Whether the slot holds the entry of this position; acquires its words when true. */
  isPublished(slot: number, position: number): boolean {
    return this.signals.load(slot) === ((position + 1) | 0);
  }

  /** Rings `bell` if the other side says in `parkedFlag` that it is parked. Call after `publish`. */
  wake(parkedFlag: number, bell: number): void {
    if (this.signals.load(parkedFlag) !== 0) this.signals.ring(bell);
  }
}
