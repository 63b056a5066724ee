import { FrameKind, numberBody, readNumbers } from '../frame.js';
import type { Frame } from '../frame.js';
import { expectFrame } from '../message-invalid.js';
import { RefuseReason, chunkCount } from './transfer-protocol.js';

/**
 * How a large message ended. `delivered`: its receiver has it. `undelivered`: it does not, for certain. `unknown`: everything
 * was sent, and nothing heard since. `too-large`, `no-room`: undelivered, and why.
 */
export type TransferOutcome = 'delivered' | 'undelivered' | 'unknown' | 'too-large' | 'no-room';

export type TransferDone = (outcome: TransferOutcome, transfer: OutgoingTransfer) => void;

/** Sends frames of transfers. */
export interface TransferSender {
  send(to: string, kind: FrameKind, id: number, body: Uint8Array, correlation?: number): void;
  sendChunk(to: string, id: number, index: number, chunk: Uint8Array): void;
}

/** A large message on its way out. */
export class OutgoingTransfer {
  next = 0;
  readonly chunks: number;

  constructor(
    readonly id: number,
    readonly to: string,
    readonly body: Uint8Array,
    readonly chunkBytes: number,
    public heardMs: number,
    readonly done: TransferDone,
  ) {
    this.chunks = chunkCount(body.byteLength, chunkBytes);
  }

  /** The outcome when nothing more is heard. */
  get outcomeUnheard(): TransferOutcome {
    return this.next === this.chunks ? 'unknown' : 'undelivered';
  }

  chunk(index: number): Uint8Array {
    return this.body.subarray(index * this.chunkBytes, (index + 1) * this.chunkBytes);
  }
}

/** The large messages that this silo sends. */
export class OutgoingTransfers {
  private readonly transfers = new Map<number, OutgoingTransfer>();
  private lastId = 0;

  constructor(
    private readonly sender: TransferSender,
    private readonly abandonAfterMs: number,
  ) {}

  get count(): number {
    return this.transfers.size;
  }

  /**
   * @param kind - of the message, about the call `callId`.
   * @param body - taken over.
   * @param done - called once, unless the transfer is withdrawn.
   */
  start(
    to: string,
    kind: FrameKind,
    callId: number,
    body: Uint8Array,
    { chunkBytes, nowMs, correlation, done }: TransferStart,
  ): OutgoingTransfer {
    do this.lastId = (this.lastId + 1) >>> 0;
    while (this.transfers.has(this.lastId));
    const transfer = new OutgoingTransfer(this.lastId, to, body, chunkBytes, nowMs, done);
    this.transfers.set(transfer.id, transfer);
    const announcement = numberBody(kind, callId, body.byteLength, chunkBytes);
    this.sender.send(to, FrameKind.Open, transfer.id, announcement, correlation);
    return transfer;
  }

  /** Nobody waits for it any more: `done` is not called. */
  withdraw(transfer: OutgoingTransfer): void {
    if (!this.transfers.delete(transfer.id)) return;
    this.sender.send(transfer.to, FrameKind.Withdraw, transfer.id, numberBody());
  }

  /** So many chunks have arrived, and so many may be sent in all. @returns whether there is such a transfer. */
  granted({ from, id, body }: Frame, nowMs: number): boolean {
    const counts = readNumbers(body, 2);
    expectFrame(counts !== undefined, 'a grant of other fields');
    const transfer = this.find(from, id);
    if (transfer === undefined) return false;
    const [received, limit] = counts as [number, number];
    expectFrame(received <= transfer.next && limit <= transfer.chunks, 'a grant beyond the message');
    transfer.heardMs = nowMs;
    if (received === transfer.chunks) this.end(transfer, 'delivered');
    while (transfer.next < limit) {
      const index = transfer.next++;
      this.sender.sendChunk(from, id, index, transfer.chunk(index));
    }
    return true;
  }

  /** @returns whether there is such a transfer. */
  refused({ from, id, body }: Frame): boolean {
    const reason = readNumbers(body, 1)?.[0];
    expectFrame(reason !== undefined, 'a refusal of other fields');
    const transfer = this.find(from, id);
    if (transfer === undefined) return false;
    if (reason === RefuseReason.TooLarge) this.end(transfer, 'too-large');
    else if (reason === RefuseReason.NoRoom) this.end(transfer, 'no-room');
    else this.end(transfer, 'undelivered');
    return true;
  }

  /** Gives up what its receiver has been silent about for too long. */
  tick(nowMs: number): void {
    for (const transfer of this.transfers.values()) {
      if (nowMs - transfer.heardMs >= this.abandonAfterMs) this.giveUp(transfer);
    }
  }

  peerDied(address: string): void {
    for (const transfer of this.transfers.values()) {
      if (transfer.to === address) this.end(transfer, transfer.outcomeUnheard);
    }
  }

  private giveUp(transfer: OutgoingTransfer): void {
    const outcome = transfer.outcomeUnheard;
    this.sender.send(transfer.to, FrameKind.Withdraw, transfer.id, numberBody());
    this.end(transfer, outcome);
  }

  private find(to: string, id: number): OutgoingTransfer | undefined {
    const transfer = this.transfers.get(id);
    return transfer?.to === to ? transfer : undefined;
  }

  private end(transfer: OutgoingTransfer, outcome: TransferOutcome): void {
    if (this.transfers.delete(transfer.id)) transfer.done(outcome, transfer);
  }
}

interface TransferStart {
  readonly chunkBytes: number;
  readonly nowMs: number;
  /** Asks to be told when nobody listens. */
  readonly correlation: number | undefined;
  readonly done: TransferDone;
}
