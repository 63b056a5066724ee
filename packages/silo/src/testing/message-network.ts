import type { ClusterEndpoint, MessageListener } from '@gpu-bridge/abstractions';
import { parseFrame } from '../messaging/frame.js';
import type { MessagePort } from '../messaging/link.js';

/** A message between two endpoints. */
export interface SentMessage {
  readonly from: string;
  readonly to: string;
  readonly payload: Uint8Array;
  /** Kind of the frame in it. */
  readonly kind: number;
  /** Messages before it. */
  readonly index: number;
}

/**
 * Messages between endpoints of one process, later and in order, as a port delivers them: unreliable if wanted, and each
 * payload is destroyed after its delivery, as an engine would reuse it.
 */
export class MessageNetwork {
  readonly sent: SentMessage[] = [];
  /** Decides what is lost. */
  loses: (message: SentMessage) => boolean = () => false;
  /** Messages stay where they are until this is false again. */
  private held = false;
  private readonly listeners = new Map<string, MessageListener>();
  private readonly queue: (() => void)[] = [];
  private delivering = false;

  constructor(readonly keepsLog = true) {}

  get count(): number {
    return this.total;
  }
  private total = 0;

  port(maxPayloadBytes = 1024 * 1024): MessagePort {
    return {
      maxPayloadBytes,
      listen: async (address, listener) => {
        this.listeners.set(address, listener);
        return this.endpoint(address, listener, maxPayloadBytes);
      },
    };
  }

  /** Hands a payload to an endpoint now, as if it came from the engine. */
  inject(to: string, payload: Uint8Array): void {
    this.listeners.get(to)?.onMessage(payload);
  }

  hold(): void {
    this.held = true;
  }

  flow(): void {
    this.held = false;
    this.deliver();
  }

  private endpoint(address: string, listener: MessageListener, maxPayloadBytes: number): ClusterEndpoint {
    return {
      address,
      send: (to, payload, correlation) => {
        if (payload.byteLength > maxPayloadBytes) throw new Error(`a payload of ${payload.byteLength} bytes`);
        const message = { from: address, to, payload, kind: parseFrame(payload)?.kind ?? 0, index: this.total++ };
        if (this.keepsLog) this.sent.push({ ...message, payload: Uint8Array.from(payload) });
        if (this.loses(message)) return;
        this.queue.push(() => {
          const receiver = this.listeners.get(to);
          receiver?.onMessage(payload);
          payload.fill(0xee);
          if (receiver === undefined && correlation !== undefined) listener.onUndeliverable(correlation);
        });
        this.deliver();
      },
      close: async () => {
        if (this.listeners.get(address) === listener) this.listeners.delete(address);
      },
    };
  }

  private deliver(): void {
    if (this.delivering || this.held || this.queue.length === 0) return;
    this.delivering = true;
    setImmediate(() => {
      this.delivering = false;
      if (this.held) return;
      for (const deliver of this.queue.splice(0)) deliver();
      this.deliver();
    });
  }
}
