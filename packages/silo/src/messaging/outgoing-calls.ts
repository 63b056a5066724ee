import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Clock } from '@gpu-bridge/abstractions';
import { AbortWatch } from './abort-watch.js';
import { encodeCall } from './call-body.js';
import type { TransferOutcome } from './chunks/outgoing-transfers.js';
import { decodeValue } from './codec.js';
import { Deadlines } from './deadlines.js';
import { unpackError } from './error-body.js';
import { FrameKind, numberBody } from './frame.js';
import type { Frame } from './frame.js';
import type { Link } from './link.js';
import { expectFrame, messageInvalid } from './message-invalid.js';
import { OutgoingCall, cancelled, deadlineExceeded } from './outgoing-call.js';
import type { CallEnder } from './outgoing-call.js';
import type { ReferenceCodec } from './reference-codec.js';
import type { RemoteCall } from './remote-call.js';
import type { ResolvedRemoteCallsOptions } from './remote-calls-options.js';
import { ReplyStream } from './reply-stream.js';

/** What the calls of this silo need. */
export interface OutgoingServices {
  readonly clock: Clock;
  readonly references: ReferenceCodec;
  suspect(address: string): void;
}

/** Of 31 bits: a call's id is the correlation of its message, of which the upper half is taken by questions. */
const MAX_CALL_ID = 2 ** 31;
/** A receiver without room has some soon. */
const NO_ROOM_RETRY_NS = 100_000_000n;

/** The calls that one incarnation of this silo has made, and that have not ended. */
export class OutgoingCalls implements CallEnder {
  /** In the order in which they were made. */
  private readonly pending = new Map<number, OutgoingCall>();
  private readonly deadlines: Deadlines;
  private readonly aborts = new AbortWatch();
  private lastId = 0;

  constructor(
    private readonly link: Link,
    private readonly services: OutgoingServices,
    private readonly options: ResolvedRemoteCallsOptions,
  ) {
    this.deadlines = new Deadlines(services.clock);
  }

  get count(): number {
    return this.pending.size;
  }

  /** The oldest first. */
  calls(): IterableIterator<OutgoingCall> {
    return this.pending.values();
  }

  find(to: string, id: number): OutgoingCall | undefined {
    const call = this.pending.get(id);
    return call?.to === to ? call : undefined;
  }

  start(to: string, call: RemoteCall): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { clock, references } = this.services;
      const { signal, deadlineNs } = call.request;
      const signals: AbortSignal[] = signal === undefined ? [] : [signal];
      const body = encodeCall(call, this.options.streamWindow, clock, references.argumentWriter(signals));
      this.checkSize(body.byteLength, this.options.maxMessageBytes);
      if (signals.some(({ aborted }) => aborted)) throw cancelled(call);
      if (deadlineNs !== undefined && clock.nowNs() >= deadlineNs) throw deadlineExceeded(call);
      const pending = new OutgoingCall(this.nextId(), to, call, signals, clock.nowMs(), resolve, reject, this);
      this.pending.set(pending.id, pending);
      this.deadlines.add(pending);
      for (const each of signals) this.aborts.add(each, pending);
      const sent = (outcome: TransferOutcome): void => this.sent(pending, outcome);
      try {
        pending.transfer = this.link.sendLarge(to, FrameKind.Call, pending.id, body, sent, pending.id);
      } catch (error) {
        this.end(pending);
        throw error;
      }
    });
  }

  /**
   * An answer, or a part of one.
   *
   * @returns false when nobody waits for it.
   * @throws GpuBridgeError `MESSAGE_INVALID`; the call has then failed with it.
   */
  answered(frame: Frame): boolean {
    const call = this.find(frame.from, frame.id);
    if (call === undefined) return false;
    try {
      return this.take(call, frame);
    } catch (error) {
      // Another answer does not come, or could not be trusted.
      this.stop(call);
      this.tell(call, error as Error, true);
      throw error;
    }
  }

  giveUp(call: OutgoingCall, error: GpuBridgeError): void {
    this.stop(call);
    this.tell(call, error, true);
  }

  /** What its silo no longer knows was lost, on the way there or back. */
  forgotten(call: OutgoingCall): void {
    this.end(call);
    this.tell(call, call.outcomeUnknown('its silo knows nothing of it any more'), false);
  }

  /** An answer, or a part of one, must have been sent and does not come. @returns whether anybody waits for it. */
  answerLost(from: string, id: number): boolean {
    const call = this.find(from, id);
    if (call === undefined) return false;
    this.stop(call);
    this.tell(call, call.outcomeUnknown('its answer was lost on the way'), false);
    return true;
  }

  /** Its silo has begun its stream and sent so many items of it, all of which should be here. */
  itemsSent(call: OutgoingCall, count: number): void {
    if (call.stream !== undefined && call.stream.receivedItems >= count) return;
    const lost = call.stream === undefined ? 'the beginning' : 'an item';
    this.stop(call);
    this.tell(call, call.outcomeUnknown(`${lost} of its stream was lost`), false);
  }

  undeliverable(id: number): void {
    const call = this.pending.get(id);
    if (call === undefined) return;
    this.services.suspect(call.to);
    this.end(call);
    this.tell(call, call.unreachable('nobody listens at its address'), false);
  }

  peerDied(address: string): void {
    for (const call of this.pending.values()) {
      if (call.to !== address) continue;
      // What had not left here completely cannot have run.
      const neverLeft = call.transfer?.outcomeUnheard === 'undelivered';
      this.end(call);
      this.tell(call, neverLeft ? call.unreachable('it died') : call.outcomeUnknown('its silo died'), false);
    }
  }

  /** A silo that lives, and answers nothing: it cannot hear us, or be understood. */
  peerSilent(address: string): void {
    for (const call of this.pending.values()) {
      if (call.to !== address || call.transfer !== undefined) continue;
      this.stop(call);
      this.tell(call, call.outcomeUnknown('its silo answers no question'), false);
    }
  }

  /** Answers cannot arrive any more. */
  abandon(reason: string): void {
    for (const call of this.pending.values()) {
      this.stop(call);
      this.tell(call, call.outcomeUnknown(reason), false);
    }
  }

  private take(call: OutgoingCall, { kind, body }: Frame): boolean {
    const { reader } = this.services.references;
    const { stream } = call;
    switch (kind) {
      case FrameKind.Result: {
        expectFrame(stream === undefined, 'a result after a stream has begun');
        const [value] = fieldsOf(decodeValue(body, reader), 1);
        this.end(call);
        call.resolve(value);
        return true;
      }
      case FrameKind.Error: {
        const error = unpackError(decodeValue(body), call.to);
        this.end(call);
        this.tell(call, error, false);
        return true;
      }
      case FrameKind.Stream:
        expectFrame(stream === undefined, 'a stream that has begun before');
        call.stream = this.newStream(call);
        call.resolve(call.stream);
        return true;
      case FrameKind.Item: {
        if (stream === undefined) return this.answerLost(call.to, call.id);
        const [value, number] = fieldsOf(decodeValue(body, reader), 2);
        expectFrame(isCount(number), 'an item without a number');
        return stream.push(number, value);
      }
      case FrameKind.End: {
        if (stream === undefined) return this.answerLost(call.to, call.id);
        const [error, count] = fieldsOf(decodeValue(body), 2);
        expectFrame(isCount(count), 'a stream without a count');
        stream.endAfter(count, error === null ? undefined : unpackError(error, call.to));
        return true;
      }
      default:
        throw messageInvalid(`an answer of kind ${kind}`);
    }
  }

  private newStream(call: OutgoingCall): ReplyStream {
    const credit = (limit: number): void => this.link.send(call.to, FrameKind.Credit, call.id, numberBody(limit));
    const owner = { credit, abandoned: () => this.stop(call), completed: () => this.end(call) };
    return new ReplyStream(owner, this.options.streamWindow);
  }

  /** How the transfer of a large call has ended. */
  private sent(call: OutgoingCall, outcome: TransferOutcome): void {
    call.transfer = undefined;
    // Of what may have arrived, its silo will be asked.
    if (outcome === 'delivered' || outcome === 'unknown' || !this.pending.has(call.id)) return;
    this.end(call);
    if (outcome === 'too-large') this.tell(call, tooLarge(`what silo ${call.to} takes`), false);
    else if (outcome === 'no-room') this.tell(call, call.busy(NO_ROOM_RETRY_NS), false);
    else this.tell(call, call.unreachable('the call was lost on the way'), false);
  }

  /** Nobody waits for the answer any more: its silo need not go on. */
  private stop(call: OutgoingCall): void {
    this.end(call);
    this.link.send(call.to, FrameKind.Cancel, call.id);
  }

  private end(call: OutgoingCall): void {
    if (!this.pending.delete(call.id)) return;
    this.deadlines.remove(call);
    for (const signal of call.signals) this.aborts.remove(signal, call);
    if (call.transfer !== undefined) this.link.withdraw(call.transfer);
    call.transfer = undefined;
  }

  private tell(call: OutgoingCall, error: Error, atOnce: boolean): void {
    if (call.stream === undefined) call.reject(error);
    else call.stream.fail(error, atOnce);
  }

  private checkSize(bytes: number, limit: number): void {
    if (bytes > limit) throw tooLarge(`${limit} bytes`, bytes);
  }

  private nextId(): number {
    do this.lastId = (this.lastId + 1) % MAX_CALL_ID;
    while (this.pending.has(this.lastId));
    return this.lastId;
  }
}

function tooLarge(limit: string, bytes?: number): GpuBridgeError<'INVALID_ARGUMENT'> {
  return GpuBridgeError.invalidArgument('args', bytes, `encoded no larger than ${limit}`);
}

function fieldsOf(value: unknown, count: number): readonly unknown[] {
  expectFrame(Array.isArray(value) && value.length === count, 'an answer of other fields');
  return value as unknown[];
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
