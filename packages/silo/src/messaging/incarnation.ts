import type { Cancellable, Clock, GpuBridgeError, Logger } from '@gpu-bridge/abstractions';
import { FrameKind, readNumbers } from './frame.js';
import type { Frame } from './frame.js';
import { Link } from './link.js';
import type { FrameHandler, MessagePort } from './link.js';
import { FIRST_QUESTION, Liveness } from './liveness.js';
import { expectFrame, messageInvalid } from './message-invalid.js';
import { OutgoingCalls } from './outgoing-calls.js';
import type { ReferenceCodec } from './reference-codec.js';
import type { RefusedMessages } from './refused-messages.js';
import type { CallReceiver } from './remote-call.js';
import type { ResolvedRemoteCallsOptions } from './remote-calls-options.js';
import { ServedCalls } from './served-calls.js';

/** What an incarnation needs. */
export interface IncarnationServices {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly receiver: CallReceiver;
  readonly references: ReferenceCodec;
  readonly refusedMessages: RefusedMessages;
  suspect(address: string): void;
}

/** This silo at one address: what it has asked of others, and they of it. Ends as a whole when the silo rejoins. */
export class Incarnation implements FrameHandler {
  readonly link: Link;
  readonly outgoing: OutgoingCalls;
  readonly served: ServedCalls;
  private readonly liveness: Liveness;
  private readonly tickMs: number;
  private timer: Cancellable | undefined;
  private ended = false;

  constructor(
    port: MessagePort,
    address: string,
    private readonly services: IncarnationServices,
    options: ResolvedRemoteCallsOptions,
  ) {
    const suspect = (suspected: string): void => services.suspect(suspected);
    this.link = new Link(address, port, services, this, options);
    this.outgoing = new OutgoingCalls(this.link, services, options);
    this.served = new ServedCalls(this.link, services, options);
    this.liveness = new Liveness(this.link, this.outgoing, this.served, options, suspect);
    this.tickMs = options.askAfterMs / 2;
  }

  peerDied(address: string): void {
    this.outgoing.peerDied(address);
    this.served.peerDied(address);
    this.link.peerDied(address);
  }

  /** Fails what waits for an answer, cancels what runs here. */
  async end(reason: string): Promise<void> {
    this.ended = true;
    this.timer?.cancel();
    this.outgoing.abandon(reason);
    this.served.abandon(reason);
    await this.link.close();
  }

  busy(): void {
    if (this.timer !== undefined || this.ended) return;
    this.timer = this.services.clock.schedule(() => this.tick(), this.tickMs);
  }

  handle(frame: Frame): boolean {
    switch (frame.kind) {
      case FrameKind.Call:
        this.busy();
        this.served.called(frame);
        return true;
      case FrameKind.Cancel:
        return this.served.cancelled(frame);
      case FrameKind.Credit: {
        const limit = readNumbers(frame.body, 1)?.[0];
        expectFrame(limit !== undefined, 'credit of other fields');
        const served = this.served.find(frame.from, frame.id);
        served?.stream?.allow(limit);
        return served !== undefined;
      }
      case FrameKind.Result:
      case FrameKind.Error:
      case FrameKind.Stream:
      case FrameKind.Item:
      case FrameKind.End:
        return this.outgoing.answered(frame);
      case FrameKind.Ping:
        this.liveness.answer(frame);
        return true;
      case FrameKind.Know:
        this.liveness.answered(frame);
        return true;
      default:
        throw messageInvalid(`a message of kind ${frame.kind}`);
    }
  }

  wants(kind: number, from: string, callId: number): boolean {
    if (kind === FrameKind.Call) return this.served.admits(from, callId);
    expectFrame(LARGE_ANSWERS.has(kind), `a large message of kind ${kind}`);
    return this.outgoing.find(from, callId) !== undefined;
  }

  lost(kind: number, from: string, callId: number): void {
    // Of a call that did not arrive nothing is known here; its caller has been told.
    if (kind !== FrameKind.Call) this.outgoing.answerLost(from, callId);
  }

  undeliverable(correlation: number): void {
    if (correlation >= FIRST_QUESTION) this.liveness.undeliverable(correlation);
    else this.outgoing.undeliverable(correlation);
  }

  refused(frame: Frame, error: GpuBridgeError): void {
    if (frame.kind === FrameKind.Call) this.served.invalid(frame, error);
  }

  private tick(): void {
    this.timer = undefined;
    const nowMs = this.services.clock.nowMs();
    this.link.tick(nowMs);
    this.liveness.tick(nowMs);
    if (this.outgoing.count + this.served.count + this.link.transfers > 0) this.busy();
  }
}

const LARGE_ANSWERS = new Set<number>([FrameKind.Result, FrameKind.Error, FrameKind.Item, FrameKind.End]);
