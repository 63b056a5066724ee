/** Where the items of a streaming reply go. */
export interface StreamSink {
  /** @throws GpuBridgeError `INVALID_ARGUMENT` for what cannot travel. */
  item(number: number, value: unknown): void;
  /** The stream has ended after so many items; told unless it was cancelled. */
  end(count: number, error: unknown): void;
}

/** The grain's end of a streaming reply: pulls items from its iterator as long as the caller has given credit. */
export class StreamPump {
  private sent = 0;
  private cancelled = false;
  /** Wakes the pump that waits for credit. */
  private wake: (() => void) | undefined;
  private readonly iterator: AsyncIterator<unknown, unknown>;

  /** @param limit - items up to this number may be sent. */
  constructor(
    values: AsyncIterable<unknown>,
    private limit: number,
    private readonly sink: StreamSink,
  ) {
    this.iterator = values[Symbol.asyncIterator]();
  }

  get sentItems(): number {
    return this.sent;
  }

  /** Resolves when the iterator has ended; never rejects. */
  async run(): Promise<void> {
    try {
      for (;;) {
        while (this.sent >= this.limit && !this.cancelled) await this.credit();
        if (this.cancelled) return;
        const { done, value } = await this.iterator.next();
        if (this.cancelled) return;
        if (done === true) return this.sink.end(this.sent, undefined);
        this.sink.item(this.sent, value);
        this.sent++;
      }
    } catch (error) {
      if (this.cancelled) return;
      this.cancelled = true;
      this.sink.end(this.sent, error);
      // Where the iterator itself threw, it has ended, and this does nothing.
      await this.close();
    }
  }

  /** Credits only grow: one that comes late takes none back. */
  allow(limit: number): void {
    if (limit <= this.limit) return;
    this.limit = limit;
    this.wake?.();
  }

  /** Ends the grain's iterator at once, also while it waits for a next item. */
  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    this.wake?.();
    void this.close();
  }

  private credit(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  private async close(): Promise<void> {
    try {
      await this.iterator.return?.();
    } catch {
      // Nobody is left whom it could be told.
    }
  }
}
