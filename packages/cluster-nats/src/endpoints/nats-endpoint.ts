import { setTimeout as pause } from 'node:timers/promises';
import { checkClusterCorrelation, checkClusterPayload } from '@gpu-bridge/abstractions';
import type { ClusterEndpoint, Logger, MessageListener } from '@gpu-bridge/abstractions';
import type { Msg, Subscription } from '@nats-io/transport-node';
import type { NatsLink } from '../connection/nats-link.js';
import { clusterUnavailable, failureOf } from '../connection/nats-failure.js';
import type { Names } from '../naming/names.js';
import { plain } from '../naming/plain-bytes.js';

/** Subjects are made once per peer; peers that restarted often are forgotten all at once. */
const MOST_SUBJECTS = 4_096;

/**
 * An address is a subject. A message with a correlation names, as the subject for its answer, one of our own: nobody
 * answers, but where nobody listens the server itself says so there ("no responders").
 */
export class NatsEndpoint implements ClusterEndpoint {
  private readonly subjects = new Map<string, string>();
  private readonly inbox: string;
  /** Read during the call only, so that one object does for every message. */
  private readonly reply = { reply: '' };
  private subscriptions: Subscription[] = [];
  private isClosed = false;
  private closing: Promise<void> | undefined;
  private refusal: Error | undefined;

  constructor(
    private readonly services: { readonly link: NatsLink; readonly names: Names; readonly logger: Logger },
    readonly address: string,
    private readonly listener: MessageListener,
    private readonly onClose: () => void,
  ) {
    this.inbox = `${services.link.inbox()}.`;
  }

  /** Resolves when the servers know: what is sent to the address from then on comes here. */
  async listen(): Promise<void> {
    const { link, names } = this.services;
    const subject = names.endpointSubject(this.address);
    const what = `listen at ${this.address}`;
    this.subscriptions = [
      link.subscribe(subject, (error, message) => (error === null ? this.onMessage(message) : (this.refusal = error))),
      link.subscribe(`${this.inbox}*`, (error, message) =>
        error === null ? this.onStatus(message) : (this.refusal = error),
      ),
    ];
    try {
      await link.flush(what);
    } catch (error) {
      await this.close();
      throw error;
    }
    // A refusal comes before the answer to the flush.
    if (this.refusal === undefined) return;
    await this.close();
    throw clusterUnavailable(what, failureOf(this.refusal).reason, this.refusal);
  }

  send(to: string, payload: Uint8Array, correlation?: number): void {
    const { link } = this.services;
    checkClusterPayload(payload, link.maxPayloadBytes);
    checkClusterCorrelation(correlation);
    const subject = this.subjects.get(to) ?? this.subjectOf(to);
    if (this.isClosed) return;
    this.reply.reply = correlation === undefined ? '' : this.inbox + correlation;
    link.publish(subject, payload, this.reply);
  }

  close(): Promise<void> {
    return (this.closing ??= this.closeDown());
  }

  /** Lets arrive what the server had sent when it learnt that nobody listens any more. */
  private async closeDown(): Promise<void> {
    const { link } = this.services;
    const open = this.subscriptions.filter((subscription) => !subscription.isClosed());
    // Where the server does not answer in time, nothing arrives either.
    await Promise.race([
      Promise.allSettled(open.map((subscription) => subscription.drain())),
      pause(link.timing.requestTimeoutMs, undefined, { ref: false }),
    ]);
    this.isClosed = true;
    for (const subscription of open) if (!subscription.isClosed()) subscription.unsubscribe();
    this.onClose();
  }

  private subjectOf(to: string): string {
    const subject = this.services.names.endpointSubject(to);
    if (this.subjects.size >= MOST_SUBJECTS) this.subjects.clear();
    this.subjects.set(to, subject);
    return subject;
  }

  private onMessage(message: Msg): void {
    if (this.isClosed) return;
    try {
      this.listener.onMessage(plain(message.data));
    } catch (error) {
      this.complain(error);
    }
  }

  private onStatus(message: Msg): void {
    if (this.isClosed || message.headers?.code !== 503) return;
    const correlation = Number(message.subject.slice(this.inbox.length));
    try {
      this.listener.onUndeliverable(correlation);
    } catch (error) {
      this.complain(error);
    }
  }

  /** What a listener throws would end the reading of the connection. */
  private complain(error: unknown): void {
    this.services.logger.error('a listener of messages threw', { address: this.address, error });
  }
}
