import type { OutgoingTransfer } from './chunks/outgoing-transfers.js';
import type { StreamPump } from './stream-pump.js';

/** A call of another silo that runs here, or whose answer is on its way. */
export class ServedCall {
  private readonly controller = new AbortController();
  /** Answers on their way in chunks. */
  readonly transfers = new Set<OutgoingTransfer>();
  stream: StreamPump | undefined;
  /** What runs; undefined until it has been read. */
  grain: string | undefined;
  method: string | undefined;
  /** The answer has been given; only transfers may be left. */
  answered = false;
  /** Nobody waits for the answer. */
  cancelled = false;

  constructor(
    readonly id: number,
    readonly from: string,
    readonly startedMs: number,
  ) {}

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  cancel(reason: Error): void {
    this.cancelled = true;
    this.controller.abort(reason);
    this.stream?.cancel();
  }
}
