/** Tells when a stream has ended, whichever side ended it; a generator would not when it is ended before it has begun. */
class EndingStream implements AsyncIterableIterator<unknown> {
  private readonly values: AsyncIterator<unknown, unknown>;
  private ended = false;

  constructor(
    values: AsyncIterable<unknown>,
    private readonly onEnd: () => void,
  ) {
    this.values = values[Symbol.asyncIterator]();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<unknown, unknown>> {
    try {
      const result = await this.values.next();
      if (result.done === true) this.end();
      return result;
    } catch (error) {
      this.end();
      throw error;
    }
  }

  async return(): Promise<IteratorResult<unknown, unknown>> {
    try {
      await this.values.return?.();
    } finally {
      this.end();
    }
    return { done: true, value: undefined };
  }

  private end(): void {
    if (!this.ended) this.onEnd();
    this.ended = true;
  }
}

export function isStream(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** Runs `onEnd` once the call has ended: one that replies with a stream when that has. */
export async function untilEnd(call: Promise<unknown>, onEnd: () => void): Promise<unknown> {
  let value: unknown;
  try {
    value = await call;
  } catch (error) {
    onEnd();
    throw error;
  }
  if (isStream(value)) return new EndingStream(value, onEnd);
  onEnd();
  return value;
}
