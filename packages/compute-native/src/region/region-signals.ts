import type { RingSignals } from '@gpu-bridge/protocol';
import type { NativeRegion } from '../addon/native-addon.js';

/**
 * Signals of one ring in a region. Loads and stores are Atomics over the mapped memory: the language promises their order for
 * shared buffers only, and V8 compiles both to the same instructions. Bells cross processes, so they are system calls.
 */
export class RegionSignals implements RingSignals {
  private readonly words: Int32Array<ArrayBuffer>;

  /** @param byteOffset - of the ring in the region. */
  constructor(
    private readonly region: NativeRegion,
    private readonly byteOffset: number,
    bytes: number,
  ) {
    this.words = new Int32Array(region.memory, byteOffset, bytes / 4);
  }

  load(word: number): number {
    return Atomics.load(this.words, word);
  }

  store(word: number, value: number): void {
    Atomics.store(this.words, word, value);
  }

  ring(bell: number): void {
    this.region.ring(this.byteOffset + 4 * bell);
  }

  notify(bell: number): void {
    this.region.notify(this.byteOffset + 4 * bell);
  }

  wait(bell: number, expected: number, timeoutMs: number): void {
    this.region.wait(this.byteOffset + 4 * bell, expected, timeoutMs);
  }

  waitAsync(bell: number, expected: number): Promise<void> {
    return this.region.waitAsync(this.byteOffset + 4 * bell, expected);
  }
}
