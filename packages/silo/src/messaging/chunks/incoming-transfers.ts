import { FrameKind, numberBody, readChunk, readNumbers } from '../frame.js';
import type { Frame } from '../frame.js';
import { expectFrame } from '../message-invalid.js';
import type { TransferSender } from './outgoing-transfers.js';
import { CHUNK_BYTES, CHUNK_WINDOW, RefuseReason, chunkCount } from './transfer-protocol.js';

/** Takes large messages when they are whole. */
export interface TransferReceiver {
  /** Whether the message is still waited for, before memory is set aside. @throws GpuBridgeError `MESSAGE_INVALID` */
  wants(kind: number, from: string, callId: number): boolean;
  whole(kind: number, from: string, callId: number, body: Uint8Array): void;
  /** A message that was announced will not come. */
  lost(kind: number, from: string, callId: number): void;
}

export interface ReassemblyLimits {
  readonly maxMessageBytes: number;
  readonly abandonAfterMs: number;
}

/** Messages of one peer put together at once, at most; more wait. */
const MAX_ACTIVE = 4;
/** Messages of one peer that wait, at most. */
const MAX_WAITING = 10_000;
/** Memory for the messages of all peers, in largest messages; each peer has one. */
const TOTAL_MESSAGES = 4;

interface IncomingTransfer {
  readonly id: number;
  readonly kind: number;
  readonly callId: number;
  readonly totalBytes: number;
  readonly chunkBytes: number;
  /** Set aside when its turn has come. */
  buffer: Uint8Array | undefined;
  received: number;
  /** When it last got on. */
  heardMs: number;
}

interface Peer {
  readonly address: string;
  /** By id, in the order of arrival. */
  readonly transfers: Map<number, IncomingTransfer>;
  active: number;
  bytes: number;
}

/** The large messages that arrive here: whose turn it is, and what they take. */
export class IncomingTransfers {
  private readonly peers = new Map<string, Peer>();
  private bytes = 0;

  constructor(
    private readonly sender: TransferSender,
    private readonly receiver: TransferReceiver,
    private readonly limits: ReassemblyLimits,
  ) {}

  get count(): number {
    let count = 0;
    for (const { transfers } of this.peers.values()) count += transfers.size;
    return count;
  }

  /** Set aside for messages that are not whole. */
  get reservedBytes(): number {
    return this.bytes;
  }

  opened({ from, id, body }: Frame, nowMs: number): void {
    const fields = readNumbers(body, 4);
    expectFrame(fields !== undefined, 'an announcement of other fields');
    const [kind, callId, totalBytes, chunkBytes] = fields as [number, number, number, number];
    expectFrame(totalBytes > 0 && chunkBytes > 0 && chunkBytes <= CHUNK_BYTES, 'an announcement of nothing');
    expectFrame(this.peers.get(from)?.transfers.has(id) !== true, 'a message that was announced before');
    if (!this.receiver.wants(kind, from, callId)) this.refuse(from, id, RefuseReason.Unwanted);
    else if (totalBytes > this.limits.maxMessageBytes) this.refuse(from, id, RefuseReason.TooLarge);
    else {
      const peer = this.peers.get(from) ?? { address: from, transfers: new Map(), active: 0, bytes: 0 };
      if (peer.transfers.size - peer.active >= MAX_WAITING) return this.refuse(from, id, RefuseReason.NoRoom);
      this.peers.set(from, peer);
      peer.transfers.set(id, {
        ...{ id, kind, callId, totalBytes, chunkBytes },
        ...{ buffer: undefined, received: 0, heardMs: nowMs },
      });
      this.admit(peer, nowMs);
    }
  }

  /** @returns whether there is such a transfer. */
  chunk({ from, id, body }: Frame, nowMs: number): boolean {
    const chunk = readChunk(body);
    expectFrame(chunk !== undefined, 'a chunk of no number');
    const peer = this.peers.get(from);
    const transfer = peer?.transfers.get(id);
    if (peer === undefined || transfer?.buffer === undefined) {
      this.refuse(from, id, RefuseReason.Lost);
      return false;
    }
    const at = transfer.received * transfer.chunkBytes;
    const expectedBytes = Math.min(transfer.chunkBytes, transfer.totalBytes - at);
    // Messages of one sender come in order: what is not the next chunk says that one was lost.
    if (chunk.index !== transfer.received || chunk.bytes.byteLength !== expectedBytes) {
      this.fail(peer, transfer, nowMs);
      return true;
    }
    transfer.buffer.set(chunk.bytes, at);
    transfer.received++;
    transfer.heardMs = nowMs;
    if (at + expectedBytes < transfer.totalBytes) this.grant(peer, transfer);
    else this.complete(peer, transfer, transfer.buffer, nowMs);
    return true;
  }

  /** @returns whether there is such a transfer. */
  withdrawn({ from, id }: Frame, nowMs: number): boolean {
    const peer = this.peers.get(from);
    const transfer = peer?.transfers.get(id);
    if (peer === undefined || transfer === undefined) return false;
    this.remove(peer, transfer, nowMs);
    this.receiver.lost(transfer.kind, from, transfer.callId);
    return true;
  }

  /** Drops what has stopped, and repeats what was granted: it may have been lost, and says that we are still there. */
  tick(nowMs: number): void {
    for (const peer of this.peers.values()) {
      for (const transfer of peer.transfers.values()) {
        const isActive = transfer.buffer !== undefined;
        if (isActive && nowMs - transfer.heardMs >= this.limits.abandonAfterMs) this.fail(peer, transfer, nowMs);
        else this.grant(peer, transfer);
      }
    }
  }

  peerDied(address: string, nowMs: number): void {
    const peer = this.peers.get(address);
    if (peer === undefined) return;
    this.peers.delete(address);
    this.bytes -= peer.bytes;
    this.admitOthers(nowMs);
  }

  /** Sets memory aside for the transfers whose turn it is. */
  private admit(peer: Peer, nowMs: number): void {
    const { maxMessageBytes } = this.limits;
    for (const transfer of peer.transfers.values()) {
      if (transfer.buffer !== undefined) continue;
      const { totalBytes } = transfer;
      if (peer.active >= MAX_ACTIVE || peer.bytes + totalBytes > maxMessageBytes) return;
      if (this.bytes + totalBytes > maxMessageBytes * TOTAL_MESSAGES) return;
      transfer.buffer = new Uint8Array(totalBytes);
      transfer.heardMs = nowMs;
      peer.active++;
      peer.bytes += totalBytes;
      this.bytes += totalBytes;
      this.grant(peer, transfer);
    }
  }

  private admitOthers(nowMs: number): void {
    for (const peer of this.peers.values()) this.admit(peer, nowMs);
  }

  private grant(peer: Peer, { id, buffer, received, totalBytes, chunkBytes }: IncomingTransfer): void {
    const limit = buffer === undefined ? 0 : Math.min(received + CHUNK_WINDOW, chunkCount(totalBytes, chunkBytes));
    this.sender.send(peer.address, FrameKind.Grant, id, numberBody(received, limit));
  }

  private complete(peer: Peer, transfer: IncomingTransfer, body: Uint8Array, nowMs: number): void {
    this.remove(peer, transfer, nowMs);
    const chunks = transfer.received;
    this.sender.send(peer.address, FrameKind.Grant, transfer.id, numberBody(chunks, chunks));
    this.receiver.whole(transfer.kind, peer.address, transfer.callId, body);
  }

  private fail(peer: Peer, transfer: IncomingTransfer, nowMs: number): void {
    this.remove(peer, transfer, nowMs);
    this.refuse(peer.address, transfer.id, RefuseReason.Lost);
    this.receiver.lost(transfer.kind, peer.address, transfer.callId);
  }

  private remove(peer: Peer, transfer: IncomingTransfer, nowMs: number): void {
    peer.transfers.delete(transfer.id);
    if (transfer.buffer !== undefined) {
      peer.active--;
      peer.bytes -= transfer.totalBytes;
      this.bytes -= transfer.totalBytes;
    }
    if (peer.transfers.size === 0) this.peers.delete(peer.address);
    this.admitOthers(nowMs);
  }

  private refuse(to: string, id: number, reason: number): void {
    this.sender.send(to, FrameKind.Refuse, id, numberBody(reason));
  }
}
