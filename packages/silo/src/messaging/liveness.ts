import { decodeValue, encodeValue } from './codec.js';
import { FrameKind } from './frame.js';
import type { Frame } from './frame.js';
import type { Link } from './link.js';
import { expectFrame } from './message-invalid.js';
import type { OutgoingCalls } from './outgoing-calls.js';
import type { ServedCalls } from './served-calls.js';

/** Questions in one frame: many fit into a message, and one is enough in practice. */
const MAX_QUESTIONS = 16_384;
/** Correlations from here on are of questions, below of calls. */
export const FIRST_QUESTION = 2 ** 31;

export interface LivenessLimits {
  readonly askAfterMs: number;
  readonly silentAfterMs: number;
}

/** What is asked of one peer. */
class Questions {
  /** Ids of our calls that it should run or answer. */
  readonly calls: number[] = [];
  /** Of our calls that stream: id and credit, in turn. Lost credit is made up for by this. */
  readonly streams: number[] = [];
  /** Ids of its calls that run here. */
  readonly served: number[] = [];
}

/**
 * Messages may be lost, and then nobody would wait for ever: what is old is asked about. Messages of one sender to one address
 * come in order, so whoever is asked has had the call if it was not lost, and whoever reads the reply has had the answer that
 * was given before. What neither side knows after one question was therefore lost. Large messages come later than what was
 * sent after them: a call is asked about when it has left completely, and known until its answer has.
 */
export class Liveness {
  private questions = 0;
  /** Whom the questions of the last round went to. */
  private readonly asked = new Map<number, string>();
  /** Since when a peer has not answered. */
  private readonly unanswered = new Map<string, number>();

  constructor(
    private readonly link: Link,
    private readonly outgoing: OutgoingCalls,
    private readonly served: ServedCalls,
    private readonly limits: LivenessLimits,
    private readonly suspect: (address: string) => void,
  ) {}

  /** Asks about everything that is old. */
  tick(nowMs: number): void {
    this.asked.clear();
    const peers = new Map<string, Questions>();
    const oldMs = nowMs - this.limits.askAfterMs;
    for (const call of this.outgoing.calls()) {
      if (call.startedMs > oldMs) break;
      if (call.transfer !== undefined) continue;
      const questions = questionsOf(peers, call.to);
      if (call.stream === undefined) questions.calls.push(call.id);
      else questions.streams.push(call.id, call.stream.creditLimit);
    }
    for (const { address, calls } of this.served.callers()) {
      for (const call of calls.values()) {
        if (call.startedMs > oldMs) break;
        if (!call.cancelled) questionsOf(peers, address).served.push(call.id);
      }
    }
    for (const address of this.unanswered.keys()) {
      if (!peers.has(address)) this.unanswered.delete(address);
    }
    for (const [address, questions] of peers) {
      const sinceMs = this.unanswered.get(address);
      if (sinceMs === undefined) this.unanswered.set(address, nowMs);
      else if (nowMs - sinceMs >= this.limits.silentAfterMs) this.outgoing.peerSilent(address);
      this.ask(address, questions);
    }
  }

  /** @throws GpuBridgeError `MESSAGE_INVALID` */
  answer({ from, id, body }: Frame): void {
    const [calls, streams, served] = listsOf(body);
    const unknownCalls: number[] = [];
    const progress: number[] = [];
    const look = (call: number, limit: number): void => {
      const known = this.served.find(from, call);
      if (known === undefined) unknownCalls.push(call);
      known?.stream?.allow(limit);
      // While a large item is on its way, the number says nothing about what should have arrived.
      if (known?.stream !== undefined && known.transfers.size === 0) progress.push(call, known.stream.sentItems);
    };
    // Of a call that streams without its caller's knowledge the beginning was lost, perhaps with all the items it has credit for.
    for (const call of calls) look(call, 0);
    for (const [call, limit] of pairs(streams)) look(call, limit);
    const unknownServed = served.filter((call) => this.outgoing.find(from, call) === undefined);
    this.link.send(from, FrameKind.Know, id, encodeValue([unknownCalls, progress, unknownServed]));
  }

  /** @throws GpuBridgeError `MESSAGE_INVALID` */
  answered({ from, body }: Frame): void {
    const [unknownCalls, progress, unknownServed] = listsOf(body);
    this.unanswered.delete(from);
    for (const id of unknownCalls) {
      const call = this.outgoing.find(from, id);
      if (call !== undefined) this.outgoing.forgotten(call);
    }
    for (const [id, sent] of pairs(progress)) {
      const call = this.outgoing.find(from, id);
      if (call !== undefined) this.outgoing.itemsSent(call, sent);
    }
    for (const id of unknownServed) {
      const call = this.served.find(from, id);
      if (call !== undefined) this.served.cancel(call, `silo ${from} no longer waits for the call`);
    }
  }

  undeliverable(correlation: number): void {
    const address = this.asked.get(correlation);
    if (address !== undefined) this.suspect(address);
  }

  private ask(address: string, { calls, streams, served }: Questions): void {
    const rounds = Math.ceil(Math.max(calls.length, streams.length / 2, served.length) / MAX_QUESTIONS);
    for (let round = 0; round < rounds; round++) {
      const part = (list: number[], each: number): number[] =>
        list.slice(round * MAX_QUESTIONS * each, (round + 1) * MAX_QUESTIONS * each);
      const correlation = FIRST_QUESTION + (this.questions++ % FIRST_QUESTION);
      this.asked.set(correlation, address);
      const body = encodeValue([part(calls, 1), part(streams, 2), part(served, 1)]);
      this.link.send(address, FrameKind.Ping, 0, body, correlation);
    }
  }
}

function questionsOf(peers: Map<string, Questions>, address: string): Questions {
  let questions = peers.get(address);
  if (questions === undefined) peers.set(address, (questions = new Questions()));
  return questions;
}

function listsOf(body: Uint8Array): [number[], number[], number[]] {
  const lists = decodeValue(body);
  expectFrame(Array.isArray(lists) && lists.length === 3 && lists.every(isNumbers), 'questions of other fields');
  const [first, second, third] = lists as [number[], number[], number[]];
  expectFrame(second.length % 2 === 0, 'a list of pairs that are none');
  return [first, second, third];
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && (item as number) >= 0);
}

function* pairs(list: readonly number[]): Generator<[number, number]> {
  for (let i = 0; i < list.length; i += 2) yield [list[i]!, list[i + 1]!];
}
