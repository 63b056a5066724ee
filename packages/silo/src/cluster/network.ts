/** What travels on a hop: `message` goes from port to port, the others between a port and the engine. */
export type HopKind = 'message' | 'undeliverable' | 'request' | 'answer' | 'change' | 'entry';

/** One thing on its way, once. */
export interface Hop {
  readonly kind: HopKind;
  /** Id of a port, or `engine`. A message to an address that nobody listens at goes to the engine. */
  readonly from: string;
  readonly to: string;
  /** What it is about, for simulations that choose: an address, `update members/silo-a.1`, `rows/key`, `log/subject`. */
  readonly what: string;
}

/** How a hop ends: one of them, once; what comes later is ignored. Neither: the network holds it. */
export interface Passage {
  arrive(): void;
  lose(): void;
}

/**
 * What lies between the ports of an in-process cluster and its engine; simulations bring their own to delay, hold and lose.
 *
 * - A request takes effect when it arrives, and is answered when its answer does. One of which nothing is heard rejects
 *   with `CLUSTER_UNAVAILABLE` after the port's `requestTimeoutMs`; it may take effect even later. Requests may overtake
 *   each other.
 * - Messages of one endpoint to one address keep their order whatever the network does: one that arrives early waits for
 *   those before it, until they arrived or are lost.
 * - Changes go to a watcher as batches, entries one by one. A batch that is lost is sent again after a second; a lost entry
 *   is delivered again once it was not acknowledged in time.
 *
 * `transmit` may let a hop arrive before it returns. To freeze a silo, hold every hop to and from its port, and give the port
 * a clock that stands still; to cut it off unseen, lose them; `InProcessPort.disconnect` cuts it off so that it knows.
 */
export interface Network {
  transmit(hop: Hop, passage: Passage): void;
}

/** Everything arrives at once. */
export const immediateNetwork: Network = { transmit: (_hop, passage) => passage.arrive() };

export const ENGINE = 'engine';

/**
 * Sends one thing that runs foreign code where it arrives: never in the stack of who sends it. A macrotask, because two
 * parties that answer each other in microtasks would keep timers and sockets of the process from running.
 *
 * @param settle - called once, with whether it arrived.
 */
export function transmitLater(network: Network, hop: Hop, settle: (arrived: boolean) => void): void {
  let settled = false;
  let sending = true;
  const end = (arrived: boolean): void => {
    if (settled) return;
    settled = true;
    if (sending) setImmediate(settle, arrived);
    else settle(arrived);
  };
  network.transmit(hop, { arrive: () => end(true), lose: () => end(false) });
  sending = false;
}
