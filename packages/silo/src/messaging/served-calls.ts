import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Clock } from '@gpu-bridge/abstractions';
import { decodeCall } from './call-body.js';
import type { OutgoingTransfer, TransferOutcome } from './chunks/outgoing-transfers.js';
import { encodeValue, encodeShared } from './codec.js';
import { packError } from './error-body.js';
import { FrameKind, NOTHING } from './frame.js';
import type { Frame } from './frame.js';
import type { Link } from './link.js';
import { expectFrame } from './message-invalid.js';
import { refused } from './outgoing-call.js';
import type { ReferenceCodec } from './reference-codec.js';
import type { CallReceiver } from './remote-call.js';
import type { ReceivedCall } from './call-body.js';
import type { ResolvedRemoteCallsOptions } from './remote-calls-options.js';
import { ServedCall, ServedPeer } from './served-call.js';
import { siloIdOf } from './silo-id.js';
import { StreamPump } from './stream-pump.js';

/** What the calls of others need. */
export interface ServingServices {
  readonly clock: Clock;
  readonly receiver: CallReceiver;
  readonly references: ReferenceCodec;
}

/** More silos than a cluster has: what is beyond was sent by something else. */
const MAX_IDLE_PEERS = 1_000;
/** Calls end all the time: a silo that is full has room soon. */
const BUSY_RETRY_NS = 50_000_000n;

/** The calls of other silos that run here. */
export class ServedCalls {
  private readonly peers = new Map<string, ServedPeer>();
  private total = 0;
  private draining = false;
  private drained: (() => void) | undefined;

  constructor(
    private readonly link: Link,
    private readonly services: ServingServices,
    private readonly options: ResolvedRemoteCallsOptions,
  ) {}

  get count(): number {
    return this.total;
  }

  callers(): IterableIterator<ServedPeer> {
    return this.peers.values();
  }

  find(from: string, id: number): ServedCall | undefined {
    return this.peers.get(from)?.calls.get(id);
  }

  /** Whether a call may run here now; answers it where not. */
  admits(from: string, id: number): boolean {
    const siloId = siloIdOf(this.link.address);
    if (this.draining) {
      this.fail(from, id, refused('DRAINING', { what: `silo ${siloId}` }, `silo ${siloId} is stopping`));
      return false;
    }
    if (this.total < this.options.maxServedCalls) return true;
    const details = { siloId, retryAfterNs: BUSY_RETRY_NS };
    this.fail(from, id, refused('SILO_BUSY', details, `silo ${siloId} runs ${this.total} calls of others`));
    return false;
  }

  /** @throws GpuBridgeError `MESSAGE_INVALID` */
  called({ from, id, body }: Frame): void {
    if (!this.admits(from, id)) return;
    expectFrame(this.find(from, id) === undefined, 'a call that runs already');
    const { references, clock } = this.services;
    const caller = this.peers.get(from) ?? new ServedPeer(from);
    const served = new ServedCall(id, caller, clock.nowMs());
    const received = decodeCall(body, served, clock, references.argumentReader(served));
    const { grain, method } = received.call;
    served.grain = `${grain.type}/${grain.key}`;
    served.method = method;
    this.add(served);
    void this.run(served, received);
  }

  /** @returns whether there is such a call. */
  cancelled({ from, id }: Frame): boolean {
    const served = this.find(from, id);
    if (served !== undefined) this.cancel(served, `silo ${from} has given the call up`);
    return served !== undefined;
  }

  cancel(served: ServedCall, reason: string): void {
    for (const transfer of served.transfers) this.link.withdraw(transfer);
    served.transfers.clear();
    if (!served.cancelled) served.cancel(cancellation(`call ${served.grain}.${served.method}`, reason));
    this.endIfOver(served);
  }

  peerDied(address: string): void {
    const peer = this.peers.get(address);
    if (peer !== undefined) this.abandonPeer(peer, `silo ${address} died`);
  }

  /** Refuses what comes from now on. Resolves when nothing is left; streams end by their grains or their readers. */
  drain(): Promise<void> {
    this.draining = true;
    return new Promise((resolve) => {
      this.drained = resolve;
      this.tellWhenDrained();
    });
  }

  /** Cancels everything, and tells the callers so: they need not ask. */
  abandon(reason: string): void {
    for (const peer of this.peers.values()) {
      for (const served of peer.calls.values()) {
        if (!served.answered && !served.cancelled) this.sayAbandoned(peer.address, served);
      }
      this.abandonPeer(peer, reason);
    }
  }

  /** Nobody who asks for `id` shall wait for a call that never ran. */
  invalid({ from, id }: Frame, error: GpuBridgeError): void {
    if (this.find(from, id) === undefined) this.fail(from, id, error);
  }

  private async run(served: ServedCall, { call, streamWindow }: ReceivedCall): Promise<void> {
    try {
      const result = await this.services.receiver.receive(call, served.from);
      if (isAsyncIterable(result)) await this.stream(served, result, streamWindow);
      else if (!served.cancelled) this.answer(served, FrameKind.Result, this.encode(result));
    } catch (error) {
      if (!served.cancelled) this.answer(served, FrameKind.Error, encodeValue(packError(error)));
    }
    served.answered = true;
    this.endIfOver(served);
  }

  private stream(served: ServedCall, values: AsyncIterable<unknown>, window: number): Promise<void> {
    const pump = new StreamPump(values, window, {
      item: (number, value) => this.answer(served, FrameKind.Item, this.encodeItem(number, value)),
      end: (count, error) => {
        const packed = error === undefined ? null : packError(error);
        this.answer(served, FrameKind.End, encodeValue([packed, count]));
      },
    });
    served.stream = pump;
    if (served.cancelled) pump.cancel();
    else this.link.send(served.from, FrameKind.Stream, served.id, NOTHING);
    return pump.run();
  }

  private answer(served: ServedCall, kind: FrameKind, body: Uint8Array): void {
    const done = (_: TransferOutcome, transfer: OutgoingTransfer): void => {
      served.transfers.delete(transfer);
      this.endIfOver(served);
    };
    const transfer = this.link.sendLarge(served.from, kind, served.id, body, done);
    if (transfer !== undefined) served.transfers.add(transfer);
  }

  private encode(result: unknown): Uint8Array {
    return this.checked(encodeShared([], result, 'result', this.services.references.writer));
  }

  private encodeItem(number: number, value: unknown): Uint8Array {
    return this.checked(encodeShared([number], value, 'item', this.services.references.writer));
  }

  private checked(body: Uint8Array): Uint8Array {
    const { maxMessageBytes } = this.options;
    if (body.byteLength <= maxMessageBytes) return body;
    throw GpuBridgeError.invalidArgument('result', body.byteLength, `encoded no larger than ${maxMessageBytes} bytes`);
  }

  private fail(from: string, id: number, error: Error): void {
    this.link.send(from, FrameKind.Error, id, encodeValue(packError(error)));
  }

  private sayAbandoned(from: string, { id, grain = '', method = '' }: ServedCall): void {
    const siloId = siloIdOf(this.link.address);
    const details = { grain, method, siloId };
    this.fail(from, id, new GpuBridgeError('OUTCOME_UNKNOWN', details, `silo ${siloId} stopped while the call ran`));
  }

  private add(served: ServedCall): void {
    const { caller } = served;
    this.peers.set(caller.address, caller);
    caller.calls.set(served.id, served);
    this.total++;
  }

  private abandonPeer(peer: ServedPeer, reason: string): void {
    peer.abort(cancellation(`calls of ${peer.address}`, reason));
    for (const served of peer.calls.values()) this.cancel(served, reason);
    this.forgetIfIdle(peer);
  }

  private forgetIfIdle(peer: ServedPeer): void {
    if (peer.calls.size === 0) this.peers.delete(peer.address);
  }

  private endIfOver(served: ServedCall): void {
    if (!served.answered || served.transfers.size > 0) return;
    const { caller } = served;
    if (!caller.calls.delete(served.id)) return;
    this.total--;
    // Its signal, with whatever listens to it, serves the next call as well.
    if (this.peers.size > MAX_IDLE_PEERS) this.forgetIfIdle(caller);
    this.tellWhenDrained();
  }

  private tellWhenDrained(): void {
    if (this.draining && this.total === 0) this.drained?.();
  }
}

function cancellation(what: string, reason: string): GpuBridgeError<'CANCELLED'> {
  return new GpuBridgeError('CANCELLED', { what }, reason);
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
