/** A promise that a test settles. */
export interface Gate {
  readonly passed: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  let open!: () => void;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open };
}

/** Lets every promise that can settle do so: a macrotask runs after all microtasks. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export interface ProbeOptions {
  /** Items 0 … itemCount - 1. */
  readonly itemCount: number;
  /** Awaited before each step; where a test schedules or delays the source. */
  readonly before?: (index: number) => Promise<unknown> | undefined;
  /** Thrown in place of item `itemCount`, instead of ending. */
  readonly failure?: Error;
  readonly closeFailure?: Error;
}

/** A source of numbers that counts what is done to it. */
export class ProbeSource implements AsyncIterable<number> {
  asked = 0;
  given = 0;
  closed = 0;
  /** It ended or failed by itself, so closing it would be wrong. */
  ended = false;

  constructor(private readonly options: ProbeOptions) {}

  [Symbol.asyncIterator](): AsyncIterator<number, undefined> {
    return {
      next: async () => {
        const index = this.asked++;
        await this.options.before?.(index);
        if (index < this.options.itemCount) {
          this.given++;
          return { done: false, value: index };
        }
        this.ended = true;
        if (this.options.failure !== undefined) throw this.options.failure;
        return { done: true, value: undefined };
      },
      return: async () => {
        this.closed++;
        if (this.options.closeFailure !== undefined) throw this.options.closeFailure;
        return { done: true, value: undefined };
      },
    };
  }
}
