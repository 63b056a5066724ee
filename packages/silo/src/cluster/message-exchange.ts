import {
  GpuBridgeError,
  checkClusterAddress,
  checkClusterCorrelation,
  checkClusterPayload,
} from '@gpu-bridge/abstractions';
import type { ClusterEndpoint, MessageListener } from '@gpu-bridge/abstractions';
import { ENGINE, transmitLater } from './network.js';
import type { Network } from './network.js';

/** The port of an endpoint, as the exchange sees it. */
export interface MessagePort {
  readonly id: string;
  readonly connected: boolean;
}

/** Endpoints of all ports by address, and the messages between them. */
export class MessageExchange {
  private readonly endpoints = new Map<string, Endpoint>();
  private open = true;

  constructor(
    readonly network: Network,
    readonly maxPayloadBytes: number,
  ) {}

  /** @throws GpuBridgeError `INVALID_ARGUMENT` for an address in use. */
  add(endpoint: Endpoint): void {
    const { address } = endpoint;
    if (endpoint.closed) return;
    if (this.endpoints.has(address)) {
      throw GpuBridgeError.invalidArgument('address', address, 'an address that nobody listens at');
    }
    this.endpoints.set(address, endpoint);
  }

  /** Ends an endpoint; what is on its way to it is lost. */
  remove(endpoint: Endpoint): void {
    if (this.endpoints.get(endpoint.address) === endpoint) this.endpoints.delete(endpoint.address);
  }

  /** Whoever listens at the address and can be reached. */
  find(address: string): Endpoint | undefined {
    const endpoint = this.endpoints.get(address);
    return this.open && endpoint?.port.connected === true ? endpoint : undefined;
  }

  /** Loses whatever is on its way. */
  close(): void {
    this.open = false;
    this.endpoints.clear();
  }
}

/** An address in use in this process. What it sends is not copied: the receiver sees the sender's bytes. */
export class Endpoint implements ClusterEndpoint {
  /** By receiving address; only those with messages on their way. */
  private readonly lanes = new Map<string, Lane>();
  closed = false;

  constructor(
    private readonly exchange: MessageExchange,
    readonly port: MessagePort,
    readonly address: string,
    readonly listener: MessageListener,
  ) {}

  send(to: string, payload: Uint8Array, correlation?: number): void {
    checkClusterAddress(to, 'to');
    checkClusterPayload(payload, this.exchange.maxPayloadBytes);
    checkClusterCorrelation(correlation);
    if (this.exchange.find(this.address) !== this) return;
    let lane = this.lanes.get(to);
    if (lane === undefined) {
      lane = new Lane(() => this.lanes.delete(to));
      this.lanes.set(to, lane);
    }
    const receiver = this.exchange.find(to)?.port.id ?? ENGINE;
    const arrived = lane.add(() => this.deliver(to, payload, correlation));
    transmitLater(this.exchange.network, { kind: 'message', from: this.port.id, to: receiver, what: to }, arrived);
  }

  close(): Promise<void> {
    this.closed = true;
    this.exchange.remove(this);
    return Promise.resolve();
  }

  private deliver(to: string, payload: Uint8Array, correlation: number | undefined): void {
    const receiver = this.exchange.find(to);
    if (receiver !== undefined) return receiver.listener.onMessage(payload);
    if (correlation === undefined) return;
    const hop = { kind: 'undeliverable', from: ENGINE, to: this.port.id, what: to } as const;
    transmitLater(this.exchange.network, hop, (arrived) => {
      if (arrived && this.exchange.find(this.address) === this) this.listener.onUndeliverable(correlation);
    });
  }
}

interface Travelling {
  state: 'travelling' | 'arrived' | 'lost';
  readonly deliver: () => void;
}

/** Messages of one endpoint to one address, in order. */
class Lane {
  private readonly queue: Travelling[] = [];
  private delivering = false;

  constructor(private readonly onEmpty: () => void) {}

  /** @returns what ends the message's travel; it is delivered once those before it have ended theirs. */
  add(deliver: () => void): (arrived: boolean) => void {
    const message: Travelling = { state: 'travelling', deliver };
    this.queue.push(message);
    return (arrived) => {
      message.state = arrived ? 'arrived' : 'lost';
      this.drain();
    };
  }

  private drain(): void {
    // A listener may make the network let go of the next one: not one message within another.
    if (this.delivering) return;
    this.delivering = true;
    for (let next = this.queue[0]; next !== undefined && next.state !== 'travelling'; next = this.queue[0]) {
      this.queue.shift();
      if (next.state === 'arrived') next.deliver();
    }
    this.delivering = false;
    if (this.queue.length === 0) this.onEmpty();
  }
}
