/** What the Node-API module `addon.node` of native/ exports: memory that other processes map, and bells in it. */
export interface NativeAddon {
  /** `RING_ABI_VERSION` of the header that it was compiled with. */
  readonly ringAbiVersion: number;
  /**
   * Makes a zeroed memfd, sealed against resizing, and maps it. All but its first 4 MiB is allocated as it is touched.
   *
   * @param bytes - a multiple of 4096, below 2^32.
   * @throws Error with the system's own text where the memory cannot be had.
   */
  createRegion(bytes: number): NativeRegion;
}

/**
 * Memory that this process and its device hosts map. Words are named by their byte offset in the region, a multiple of 4;
 * loads and stores of them are `Atomics` over `memory`, which a plain ArrayBuffer allows.
 */
export interface NativeRegion {
  /** The memfd, close-on-exec: a host inherits it by `stdio` of `spawn`. Valid until `close`. */
  readonly fd: number;
  /** All of it. Mapped for as long as anything refers to the buffer, also after `close`. */
  readonly memory: ArrayBuffer;
  /** Adds one to a bell, sequentially consistent, and wakes whoever waits for it in any process. */
  ring(bell: number): void;
  /** Wakes whoever waits for a bell in any process, as if it had rung; pending `waitAsync` of it resolve. */
  notify(bell: number): void;
  /** Blocks this thread while the word is `expected` (i32), at most `timeoutMs`, until the bell rings. */
  wait(bell: number, expected: number, timeoutMs: number): void;
  /** Resolves once the bell has rung, at once when the word is not `expected` (i32). Keeps no process alive. */
  waitAsync(bell: number, expected: number): Promise<void>;
  /** Closes the descriptor and resolves what waits. Hosts keep their own mapping. Idempotent. */
  close(): void;
}
