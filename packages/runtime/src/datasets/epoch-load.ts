import type { EpochCopy } from './epoch.js';

/** A copy of an epoch on its way to a device, and who waits for it. Each of them has a lease from the moment it is there. */
export class EpochLoad {
  waiting = 0;
  private readonly waiters = new Set<(copy: EpochCopy | undefined, error?: unknown) => void>();

  /**
   * @returns a copy that is leased for the caller.
   * @throws what the load failed with, or `aborted()` when the signal comes first.
   */
  wait(signal: AbortSignal | undefined, aborted: () => Error): Promise<EpochCopy> {
    this.waiting++;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.waiters.delete(told);
        this.waiting--;
        reject(aborted());
      };
      const told = (copy: EpochCopy | undefined, error?: unknown): void => {
        signal?.removeEventListener('abort', leave);
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- passed on as it was thrown
        if (copy === undefined) reject(error);
        else resolve(copy);
      };
      this.waiters.add(told);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  /** Leases the copy for everybody who waits. */
  end(copy: EpochCopy): void {
    copy.leases += this.waiting;
    this.tell((waiter) => waiter(copy));
  }

  fail(error: unknown): void {
    this.tell((waiter) => waiter(undefined, error));
  }

  private tell(how: (waiter: (copy: EpochCopy | undefined, error?: unknown) => void) => void): void {
    this.waiting = 0;
    const waiters = [...this.waiters];
    this.waiters.clear();
    for (const waiter of waiters) how(waiter);
  }
}
