import type { ClusterEndpoint, ClusterPort } from '@gpu-bridge/abstractions';

/** Listens at addresses and keeps what comes, as copies: a payload is valid during its call only. */
export class Endpoints {
  constructor(private readonly until: (what: string, holds: () => boolean) => Promise<void>) {}

  async listen(port: ClusterPort, address: string, onMessage?: (payload: Uint8Array) => void): Promise<Listening> {
    const payloads: Uint8Array[] = [];
    const undeliverable: number[] = [];
    const endpoint = await port.listen(address, {
      onMessage: (payload) => {
        payloads.push(payload.slice());
        onMessage?.(payload);
      },
      onUndeliverable: (correlation) => void undeliverable.push(correlation),
    });
    return new Listening(endpoint, payloads, undeliverable, this.until);
  }
}

/** An endpoint and what came to it, in order. */
export class Listening {
  constructor(
    readonly endpoint: ClusterEndpoint,
    readonly payloads: readonly Uint8Array[],
    readonly undeliverable: readonly number[],
    private readonly until: (what: string, holds: () => boolean) => Promise<void>,
  ) {}

  get texts(): string[] {
    return this.payloads.map((payload) => new TextDecoder().decode(payload));
  }

  /** Waits for this message. Where order holds, whatever was sent to here before it from the same endpoint is here too. */
  async receive(wanted: string): Promise<void> {
    await this.until(`${this.endpoint.address} receives ${wanted}`, () => this.texts.includes(wanted));
  }

  async told(correlation: number): Promise<void> {
    const what = `${this.endpoint.address} is told that ${correlation} is undeliverable`;
    await this.until(what, () => this.undeliverable.includes(correlation));
  }
}
