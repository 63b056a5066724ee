import type { Clock, Logger } from '@gpu-bridge/abstractions';
import { Incarnation } from './incarnation.js';
import type { MessagePort } from './link.js';
import { refused } from './outgoing-call.js';
import { ReferenceCodec } from './reference-codec.js';
import type { ReferenceTable } from './reference-codec.js';
import { RefusedMessages } from './refused-messages.js';
import type { CallReceiver, RemoteCall } from './remote-call.js';
import { REMOTE_CALLS_DEFAULTS } from './remote-calls-options.js';
import type { RemoteCallsOptions, ResolvedRemoteCallsOptions } from './remote-calls-options.js';

/** What calls between silos need. */
export interface RemoteCallsServices {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly receiver: CallReceiver;
  readonly references: ReferenceTable;
  /** Nobody listens at that address: a hint. */
  suspect(address: string): void;
}

/** Counts, for logs and metrics. */
export interface RemoteCallsInfo {
  /** Calls of this silo that have not ended, streams included. */
  readonly pending: number;
  /** Calls of others that run here, or whose answers are on their way. */
  readonly served: number;
  /** Large messages on their way, out and in. */
  readonly transfers: number;
  /** Set aside for large messages that are not whole. */
  readonly reassemblyBytes: number;
  /** Messages that could not be read, since the start. */
  readonly refusedMessages: number;
  /** Messages about calls that are over, or of another incarnation, since this one began. */
  readonly ignoredMessages: number;
}

/**
 * Calls between silos: requests and answers of any size, streaming answers with credits, cancellation and deadlines, over the
 * messages of a port. Arguments and results are encoded when they are sent; an argument may be changed once the call was made.
 *
 * Calls of one silo to another begin in the order in which they were made, except that large ones (above 256 KiB) come later.
 */
export class RemoteCalls {
  private readonly options: ResolvedRemoteCallsOptions;
  private readonly references: ReferenceCodec;
  private readonly refusedMessages: RefusedMessages;
  private current: Incarnation | undefined;

  constructor(
    private readonly services: RemoteCallsServices,
    options: RemoteCallsOptions = {},
  ) {
    this.options = { ...REMOTE_CALLS_DEFAULTS, ...options };
    this.references = new ReferenceCodec(services.references);
    this.refusedMessages = new RefusedMessages(services.clock, services.logger);
  }

  /**
   * Sends and takes calls at this address from now on. Called again after a rejoin, it ends what went over the old address.
   *
   * @throws as `ClusterPort.listen`
   */
  async listen(port: MessagePort, address: string): Promise<void> {
    await this.endCurrent('its caller has left and joined anew');
    const { references, refusedMessages } = this;
    const incarnation = new Incarnation(port, address, { ...this.services, references, refusedMessages }, this.options);
    await incarnation.link.open();
    this.current = incarnation;
  }

  /**
   * @param to - address of a silo.
   * @returns the value; or an async iterable of values, which pulls them from the grain as it is read, and has to be read to
   *   its end or ended by `return`.
   * @throws CallRefused when it did not run: `SILO_UNREACHABLE`, `SILO_BUSY`, `DRAINING`, or as the silo says.
   * @throws GpuBridgeError `CANCELLED`, `DEADLINE_EXCEEDED`, `OUTCOME_UNKNOWN`, `INVALID_ARGUMENT` for what cannot travel; or
   *   what the grain threw.
   */
  call(to: string, call: RemoteCall): Promise<unknown> {
    const { current } = this;
    if (current === undefined) {
      const reason = 'this silo is not connected to the others';
      return Promise.reject(refused('CLUSTER_UNAVAILABLE', { engine: 'silo', reason }, reason));
    }
    current.busy();
    return current.outgoing.start(to, call);
  }

  /** Calls there fail with `OUTCOME_UNKNOWN`, their streams with it; what it had asked for here is cancelled. */
  peerDied(address: string): void {
    this.current?.peerDied(address);
  }

  /** Refuses new calls of others, and resolves when those that run have ended. An endless stream holds this up until `close`. */
  async drain(): Promise<void> {
    await this.current?.served.drain();
  }

  /**
   * After `drain`: gives up the address, and resolves when every call that had arrived by then has been refused. So nobody is
   * left to guess what became of a call when this silo is reported gone.
   */
  async unlisten(): Promise<void> {
    await this.current?.link.unlisten();
  }

  /** Fails what waits for an answer, cancels what still runs here. Idempotent. */
  async close(): Promise<void> {
    await this.endCurrent('this silo stopped');
  }

  getInfo(): RemoteCallsInfo {
    const { current } = this;
    return {
      pending: current?.outgoing.count ?? 0,
      served: current?.served.count ?? 0,
      transfers: current?.link.transfers ?? 0,
      reassemblyBytes: current?.link.reassemblyBytes ?? 0,
      refusedMessages: this.refusedMessages.count,
      ignoredMessages: current?.link.ignored ?? 0,
    };
  }

  private async endCurrent(reason: string): Promise<void> {
    const { current } = this;
    this.current = undefined;
    await current?.end(reason);
  }
}
