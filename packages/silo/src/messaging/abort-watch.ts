/** Something that ends when a signal aborts. */
export interface Abortable {
  cancel(): void;
}

interface Watched {
  readonly items: Set<Abortable>;
  readonly listener: () => void;
}

/**
 * One listener per signal, however many calls it belongs to: adding one costs more than a call does, and many on one signal
 * make Node warn of a leak.
 */
export class AbortWatch {
  private readonly watched = new WeakMap<AbortSignal, Watched>();

  add(signal: AbortSignal, item: Abortable): void {
    const known = this.watched.get(signal);
    if (known !== undefined) {
      known.items.add(item);
      return;
    }
    const items = new Set([item]);
    const listener = (): void => {
      this.watched.delete(signal);
      for (const each of items) each.cancel();
    };
    this.watched.set(signal, { items, listener });
    signal.addEventListener('abort', listener, { once: true });
  }

  remove(signal: AbortSignal, item: Abortable): void {
    const known = this.watched.get(signal);
    if (known === undefined) return;
    known.items.delete(item);
    if (known.items.size > 0) return;
    // A signal with listeners is kept by Node: one that times out in an hour, for an hour.
    this.watched.delete(signal);
    signal.removeEventListener('abort', known.listener);
  }
}
