import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Clock, ClusterEndpoint, ClusterPort, Logger, MessageListener } from '@gpu-bridge/abstractions';
import { IncomingTransfers } from './chunks/incoming-transfers.js';
import type { TransferReceiver } from './chunks/incoming-transfers.js';
import { OutgoingTransfers } from './chunks/outgoing-transfers.js';
import type { OutgoingTransfer, TransferDone, TransferSender } from './chunks/outgoing-transfers.js';
import { CHUNK_BYTES } from './chunks/transfer-protocol.js';
import { ownBytes } from './codec.js';
import { FrameKind, FrameWriter, MAX_HEADER_BYTES, NOTHING, parseFrame } from './frame.js';
import type { Frame } from './frame.js';
import type { RefusedMessages } from './refused-messages.js';
import type { ResolvedRemoteCallsOptions } from './remote-calls-options.js';

/** What messages need of a port. */
export type MessagePort = Pick<ClusterPort, 'maxPayloadBytes' | 'listen'>;

/** Takes the frames about calls. */
export interface FrameHandler {
  /**
   * @returns false for a frame about nothing that is known here: late, or of another incarnation.
   * @throws GpuBridgeError `MESSAGE_INVALID`
   */
  handle(frame: Frame): boolean;
  /** Whether a large message is still waited for. @throws GpuBridgeError `MESSAGE_INVALID` */
  wants(kind: number, from: string, callId: number): boolean;
  /** A large message that was announced will not come. */
  lost(kind: number, from: string, callId: number): void;
  undeliverable(correlation: number): void;
  /** A frame that could be read so far was refused. */
  refused(frame: Frame, error: GpuBridgeError): void;
  /** Something has begun that the ticks must look after. */
  busy(): void;
}

/** What a link needs. */
export interface LinkServices {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly refusedMessages: RefusedMessages;
}

/** One incarnation of this silo on the port: frames out and in, large ones in chunks. */
export class Link implements MessageListener, TransferSender, TransferReceiver {
  /** Messages about nothing that is known here. */
  ignored = 0;
  private readonly writer: FrameWriter;
  private readonly outgoing: OutgoingTransfers;
  private readonly incoming: IncomingTransfers;
  private readonly chunkBytes: number;
  private endpoint: ClusterEndpoint | undefined;

  constructor(
    readonly address: string,
    private readonly port: MessagePort,
    private readonly services: LinkServices,
    private readonly handler: FrameHandler,
    options: ResolvedRemoteCallsOptions,
  ) {
    this.writer = new FrameWriter(address);
    this.chunkBytes = Math.min(CHUNK_BYTES, port.maxPayloadBytes - MAX_HEADER_BYTES - 4);
    this.outgoing = new OutgoingTransfers(this, options.abandonAfterMs);
    this.incoming = new IncomingTransfers(this, this, options);
  }

  get transfers(): number {
    return this.outgoing.count + this.incoming.count;
  }

  get reassemblyBytes(): number {
    return this.incoming.reservedBytes;
  }

  async open(): Promise<void> {
    this.endpoint = await this.port.listen(this.address, this);
  }

  /** From now on nothing is sent or taken. */
  /** Nothing more comes to the address. What has arrived by then is still taken in, and what is said to it goes out. */
  async unlisten(): Promise<void> {
    await this.endpoint?.close();
  }

  async close(): Promise<void> {
    const { endpoint } = this;
    this.endpoint = undefined;
    await endpoint?.close();
  }

  send(to: string, kind: FrameKind, id: number, body: Uint8Array = NOTHING, correlation?: number): void {
    this.endpoint?.send(to, this.writer.write(kind, id, body), correlation);
  }

  sendChunk(to: string, id: number, index: number, chunk: Uint8Array): void {
    this.endpoint?.send(to, this.writer.writeChunk(id, index, chunk));
  }

  /**
   * Sends a message of any size.
   *
   * @param body - of `encodeShared`, or of its own and not changed afterwards.
   * @param done - called when a large one has ended.
   * @returns the transfer of a large one; undefined when it was sent at once.
   */
  sendLarge(
    to: string,
    kind: FrameKind,
    id: number,
    body: Uint8Array,
    done: TransferDone,
    correlation?: number,
  ): OutgoingTransfer | undefined {
    if (body.byteLength <= this.chunkBytes) {
      this.send(to, kind, id, body, correlation);
      return undefined;
    }
    this.handler.busy();
    const { chunkBytes } = this;
    const start = { chunkBytes, nowMs: this.services.clock.nowMs(), correlation, done };
    return this.outgoing.start(to, kind, id, ownBytes(body), start);
  }

  withdraw(transfer: OutgoingTransfer): void {
    this.outgoing.withdraw(transfer);
  }

  tick(nowMs: number): void {
    this.outgoing.tick(nowMs);
    this.incoming.tick(nowMs);
  }

  peerDied(address: string): void {
    this.outgoing.peerDied(address);
    this.incoming.peerDied(address, this.services.clock.nowMs());
  }

  onMessage(payload: Uint8Array): void {
    if (this.endpoint === undefined) return;
    const frame = parseFrame(payload);
    if (frame === undefined) this.services.refusedMessages.add('no frame of this version', undefined);
    else this.guarded(frame);
  }

  onUndeliverable(correlation: number): void {
    this.handler.undeliverable(correlation);
  }

  wants(kind: number, from: string, callId: number): boolean {
    return this.handler.wants(kind, from, callId);
  }

  whole(kind: number, from: string, id: number, body: Uint8Array): void {
    this.guarded({ kind: kind as FrameKind, from, id, body });
  }

  lost(kind: number, from: string, callId: number): void {
    this.handler.lost(kind, from, callId);
  }

  /** A listener must not throw, whatever arrives. */
  private guarded(frame: Frame): void {
    try {
      if (!this.dispatch(frame)) this.ignored++;
    } catch (error) {
      if (GpuBridgeError.is(error, 'MESSAGE_INVALID')) {
        this.services.refusedMessages.add(error.details.reason, frame.from);
        this.handler.refused(frame, error);
      } else {
        this.services.logger.error('a message could not be handled', { from: frame.from, kind: frame.kind, error });
      }
    }
  }

  private dispatch(frame: Frame): boolean {
    const { kind } = frame;
    if (kind < FrameKind.Open) return this.handler.handle(frame);
    const nowMs = this.services.clock.nowMs();
    switch (kind) {
      case FrameKind.Open:
        this.handler.busy();
        this.incoming.opened(frame, nowMs);
        return true;
      case FrameKind.Chunk:
        return this.incoming.chunk(frame, nowMs);
      case FrameKind.Withdraw:
        return this.incoming.withdrawn(frame, nowMs);
      case FrameKind.Grant:
        return this.outgoing.granted(frame, nowMs);
      case FrameKind.Refuse:
        return this.outgoing.refused(frame);
      default:
        return this.handler.handle(frame);
    }
  }
}
