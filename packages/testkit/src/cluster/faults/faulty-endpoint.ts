import { checkClusterPayload } from '@gpu-bridge/abstractions';
import type { ClusterEndpoint, MessageListener } from '@gpu-bridge/abstractions';
import type { FaultyPort } from './faulty-port.js';

/** An endpoint, and the listener between it and its true one. */
export class FaultyEndpoint implements ClusterEndpoint, MessageListener {
  inner: ClusterEndpoint | undefined;
  private received = 0;
  private kept: Uint8Array | undefined;

  constructor(
    private readonly port: FaultyPort,
    readonly address: string,
    private readonly listener: MessageListener,
  ) {}

  send(to: string, payload: Uint8Array, correlation?: number): void {
    const { port, inner } = this;
    const { engine, maxPayloadBytes } = port;
    if (port.closed && engine.is('send-throws-after-close')) throw new Error('the connection is closed');
    if (port.closed && engine.is('close-leaves-endpoints', 'close-leaves-iteration')) return;
    if (engine.is('message-cut')) payload = payload.subarray(0, maxPayloadBytes);
    checkClusterPayload(payload, maxPayloadBytes);
    if (engine.is('bad-correlations-accepted') && correlation !== undefined) correlation >>>= 0;
    if (engine.is('undeliverable-wrong') && correlation !== undefined) correlation &= 0xff;
    if (engine.is('message-in-senders-stack') && to === this.address) {
      engine.listeners.get(to)?.(payload);
      return;
    }
    const at = engine.is('address-case-ignored') ? to.toLowerCase() : port.addressOf(to);
    inner?.send(at, payload, correlation);
    if (engine.is('undeliverable-always') && correlation !== undefined) this.listener.onUndeliverable(correlation);
  }

  onMessage(payload: Uint8Array): void {
    const { engine } = this.port;
    const fiftieth = ++this.received % 50 === 7;
    if (engine.losing || (fiftieth && engine.is('message-lost'))) return;
    if (fiftieth && engine.is('messages-swapped')) {
      this.kept = payload.slice();
      return;
    }
    this.listener.onMessage(payload);
    if (fiftieth && engine.is('message-twice')) this.listener.onMessage(payload);
    if (this.kept !== undefined) this.listener.onMessage(this.kept);
    this.kept = undefined;
  }

  onUndeliverable(correlation: number): void {
    if (!this.port.engine.is('undeliverable-untold')) this.listener.onUndeliverable(correlation);
  }

  async close(): Promise<void> {
    if (!this.port.engine.is('endpoint-stays')) await this.inner?.close();
  }
}
