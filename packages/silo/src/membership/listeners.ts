import type { Logger } from '@gpu-bridge/abstractions';

/** Who wants to be told. What one throws is logged, and keeps the others from nothing. */
export class Listeners<A extends unknown[]> {
  private readonly listeners = new Set<{ readonly tell: (...args: A) => void }>();

  /** @param what - names the event in logs. */
  constructor(
    private readonly what: string,
    private readonly logger: Logger,
  ) {}

  add(tell: (...args: A) => void): Disposable {
    const entry = { tell };
    this.listeners.add(entry);
    return { [Symbol.dispose]: () => void this.listeners.delete(entry) };
  }

  tell(...args: A): void {
    for (const listener of [...this.listeners]) {
      try {
        listener.tell(...args);
      } catch (error) {
        this.logger.error(`a listener for the ${this.what} failed`, { error });
      }
    }
  }
}
