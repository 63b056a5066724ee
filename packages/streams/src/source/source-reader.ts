/** One pass over a source that is closed exactly once, whoever ends it and however often. */
export class SourceReader<T> {
  private readonly iterator: AsyncIterator<T>;
  private reading = false;
  private ended = false;

  constructor(source: AsyncIterable<T>) {
    this.iterator = source[Symbol.asyncIterator]();
  }

  /** Takes the next item; one call at a time. A source that ends or fails has closed itself. */
  async next(): Promise<IteratorResult<T, unknown>> {
    this.reading = true;
    try {
      const step = await this.iterator.next();
      if (step.done === true) this.ended = true;
      return step;
    } catch (error) {
      this.ended = true;
      throw error;
    } finally {
      this.reading = false;
    }
  }

  /**
   * Closes the source unless it has ended. Resolves when the source has cleaned up, except while it is asked for an
   * item: a generator queues the close behind that item, which may never come.
   */
  async close(): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    const closed = this.iterator.return?.();
    if (!this.reading) await closed;
    else closed?.catch(() => undefined); // whoever closes it has stopped listening
  }
}
