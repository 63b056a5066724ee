import { Credits, checkedCost } from '../source/credits.js';
import type { CostOf } from '../source/credits.js';
import { SourceReader } from '../source/source-reader.js';

export interface ConsumeOptions<T> {
  /** Credits that calls in progress may hold together. With 1 (default) each call ends before the next batch is taken. */
  readonly credits?: number;
  /** Credits one item takes, above 0; default 1. A dearer item than there are credits is worked on alone. */
  readonly cost?: CostOf<T>;
  /** Ends the consumption with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Calls `work` for every item, starting in the source's order, and asks the source for more only while credits are
 * left. Resolves when the source has ended and every call has.
 *
 * The first failure, of the source, of `work` or by the signal, ends it: no further call starts, the source is closed
 * once, and the failure is thrown when the calls in progress have ended.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for bad credits or a bad cost.
 */
export async function consume<T>(
  source: AsyncIterable<T>,
  work: (item: T) => Promise<void> | void,
  options: ConsumeOptions<T> = {},
): Promise<void> {
  const credits = new Credits('options.credits', options.credits ?? 1);
  await new Consumption(source, work, credits, options.cost ?? (() => 1)).run(options.signal);
}

class Consumption<T> {
  private readonly reader: SourceReader<T>;
  private failure: { readonly error: unknown } | undefined;
  /** Ends the wait that is in progress, if any. */
  private wake: () => void = () => undefined;

  constructor(
    source: AsyncIterable<T>,
    private readonly work: (item: T) => Promise<void> | void,
    private readonly credits: Credits,
    private readonly costOf: CostOf<T>,
  ) {
    this.reader = new SourceReader(source);
  }

  async run(signal: AbortSignal | undefined): Promise<void> {
    const onAbort = () => this.fail(signal?.reason);
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener('abort', onAbort);
    try {
      while (this.failure === undefined && (await this.step()));
      await this.close();
      while (this.credits.items > 0) await this.change();
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
    // Read through a function: TypeScript believes that `failure` is as it was before the awaits.
    const failure = this.failed();
    if (failure !== undefined) throw failure.error;
  }

  /** Takes one item and starts its call; false at the end, or when it has failed. */
  private async step(): Promise<boolean> {
    while (!this.credits.available) {
      await this.change();
      if (this.failed()) return false;
    }
    const item = await this.take();
    if (item === undefined) return false;
    try {
      const cost = checkedCost(this.costOf, item.value);
      while (!this.credits.fits(cost)) {
        await this.change();
        if (this.failed()) return false;
      }
      void this.start(item.value, cost);
    } catch (error) {
      this.fail(error);
    }
    return true;
  }

  private async start(item: T, cost: number): Promise<void> {
    this.credits.take(cost);
    try {
      await this.work(item);
    } catch (error) {
      this.fail(error);
    }
    this.credits.giveBack(cost);
    this.wake();
  }

  /** The source's next item; undefined at its end, or as soon as the consumption has failed. */
  private take(): Promise<{ readonly value: T } | undefined> {
    return new Promise((resolve) => {
      this.wake = () => {
        if (this.failed()) resolve(undefined);
      };
      this.reader.next().then(
        (step) => resolve(step.done === true || this.failed() ? undefined : step),
        (error: unknown) => {
          this.fail(error);
          resolve(undefined);
        },
      );
    });
  }

  private async close(): Promise<void> {
    try {
      await this.reader.close();
    } catch (error) {
      this.fail(error);
    }
  }

  private change(): Promise<void> {
    return new Promise((resolve) => (this.wake = resolve));
  }

  private fail(error: unknown): void {
    this.failure ??= { error };
    this.wake();
  }

  private failed(): { readonly error: unknown } | undefined {
    return this.failure;
  }
}
