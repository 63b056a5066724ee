import type { CallSignals } from './call-body.js';
import type { OutgoingTransfer } from './chunks/outgoing-transfers.js';
import type { StreamPump } from './stream-pump.js';

/** A silo that calls this one. */
export class ServedPeer {
  /** In the order of their arrival. */
  readonly calls = new Map<number, ServedCall>();
  private controller: AbortController | undefined;

  constructor(readonly address: string) {}

  /** Aborts when the silo is dead. */
  get signal(): AbortSignal {
    return (this.controller ??= new AbortController()).signal;
  }

  abort(reason: Error): void {
    this.controller?.abort(reason);
    this.controller = undefined;
  }
}

/** A call of another silo that runs here, or whose answer is on its way. */
export class ServedCall implements CallSignals {
  private controller: AbortController | undefined;
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
    readonly caller: ServedPeer,
    readonly startedMs: number,
  ) {}

  get from(): string {
    return this.caller.address;
  }

  get own(): AbortSignal {
    return (this.controller ??= new AbortController()).signal;
  }

  get hasOwn(): boolean {
    return this.controller !== undefined;
  }

  get ofCaller(): AbortSignal {
    return this.caller.signal;
  }

  cancel(reason: Error): void {
    this.cancelled = true;
    this.controller?.abort(reason);
    this.stream?.cancel();
  }
}
