import { messageInvalid } from './message-invalid.js';

/** What a stream asks of the call that it answers. */
export interface ReplyStreamOwner {
  /** The reader has taken items: others may be sent, up to this number. */
  credit(limit: number): void;
  /** The reader wants no more, or the stream has failed: the grain's iterator shall end. */
  abandoned(): void;
  /** The stream has ended by itself, and every item of it has arrived. */
  completed(): void;
}

type Result = IteratorResult<unknown, undefined>;

interface Waiter {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

const DONE: Result = { done: true, value: undefined };

/**
 * The caller's end of a streaming reply. Items are numbered; a large one may arrive after those that follow it, and they wait
 * for it. It never holds more than the window.
 */
export class ReplyStream implements AsyncIterableIterator<unknown, undefined> {
  /** Items up to this number have arrived without a gap. */
  private received = 0;
  private taken = 0;
  private limit: number;
  private readonly ready: unknown[] = [];
  private readonly early = new Map<number, unknown>();
  private readonly waiting: Waiter[] = [];
  /** How the stream ends, once `count` items have been taken. */
  private end: { readonly count: number; readonly error: Error | undefined } | undefined;
  private finished = false;

  constructor(
    private readonly owner: ReplyStreamOwner,
    private readonly window: number,
  ) {
    this.limit = window;
  }

  /** Items up to this number may have been sent. */
  get creditLimit(): number {
    return this.limit;
  }

  get receivedItems(): number {
    return this.received;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    if (this.ready.length > 0) return Promise.resolve({ done: false, value: this.take() });
    if (this.finished) {
      const error = this.end?.error;
      this.end = undefined;
      return error === undefined ? Promise.resolve(DONE) : Promise.reject(error);
    }
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  /** Ends the grain's iterator too. */
  return(): Promise<Result> {
    this.stop();
    return Promise.resolve(DONE);
  }

  async throw(error: unknown): Promise<Result> {
    this.stop();
    throw error;
  }

  /** @returns false for an item that was there before. @throws GpuBridgeError `MESSAGE_INVALID` for one without credit. */
  push(number: number, value: unknown): boolean {
    if (this.finished || number < this.received || this.early.has(number)) return false;
    if (number >= this.limit || (this.end !== undefined && number >= this.end.count))
      throw messageInvalid(`item ${number} of a stream that has credit up to ${this.limit}`);
    if (number > this.received) {
      this.early.set(number, value);
      return true;
    }
    this.arrived(value);
    while (this.early.has(this.received)) {
      const next = this.early.get(this.received);
      this.early.delete(this.received);
      this.arrived(next);
    }
    this.finishIfWhole();
    return true;
  }

  /** The grain's iterator has ended after so many items. @throws GpuBridgeError `MESSAGE_INVALID` */
  endAfter(count: number, error: Error | undefined): void {
    if (count < this.received || count > this.limit) throw messageInvalid(`a stream of ${count} items`);
    this.end = { count, error };
    this.finishIfWhole();
  }

  /** Ends the stream with an error; what has arrived can still be read unless `atOnce`. */
  fail(error: Error, atOnce: boolean): void {
    if (this.finished) return;
    this.finish({ count: this.received, error });
    if (atOnce) this.ready.length = 0;
  }

  private take(): unknown {
    const value = this.ready.shift();
    this.taken++;
    // In halves: a message of credit per item would cost as much as the item.
    const due = this.limit - this.taken <= this.window / 2;
    if (due && !this.finished && this.end === undefined) {
      this.limit = this.taken + this.window;
      this.owner.credit(this.limit);
    }
    return value;
  }

  private arrived(value: unknown): void {
    this.received++;
    this.ready.push(value);
    this.waiting.shift()?.resolve({ done: false, value: this.take() });
  }

  private finishIfWhole(): void {
    if (this.end === undefined || this.received < this.end.count) return;
    this.finish(this.end);
    this.owner.completed();
  }

  private stop(): void {
    this.ready.length = 0;
    if (this.finished) {
      this.end = undefined;
      return;
    }
    this.finish({ count: this.received, error: undefined });
    this.owner.abandoned();
  }

  private finish(end: { readonly count: number; readonly error: Error | undefined }): void {
    this.finished = true;
    this.end = end;
    this.early.clear();
    const [first, ...others] = this.waiting.splice(0);
    if (first === undefined) return;
    // Who waits has read everything before; the error is told once.
    if (end.error === undefined) first.resolve(DONE);
    else first.reject(end.error);
    this.end = undefined;
    for (const waiter of others) waiter.resolve(DONE);
  }
}
