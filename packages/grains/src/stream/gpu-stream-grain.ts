import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  Clock,
  ClusterPort,
  DeactivationReason,
  GpuBridge,
  GpuKernel,
  Grain,
  GrainContext,
  KernelParams,
  Logger,
} from '@gpu-bridge/abstractions';
import { InputLog } from './input-log.js';
import { checkedColumns, columnsOfItem } from './item-columns.js';
import type { InputLayout, ItemColumns } from './item-columns.js';
import { KeyedStream } from './keyed-stream.js';
import { checkStamp } from './producer-memory.js';
import type { ProducerStamp, StreamReceipt } from './producer-memory.js';
import type { StreamColumns, StreamDefinition, StreamItem, StreamOutputs } from './stream-definition.js';
import { combinedPressure } from './stream-pressure.js';
import type { PressureFeed, StreamPressure } from './stream-pressure.js';
import { checkSubscribeOptions } from './stream-subscription.js';
import type { StreamSubscription, SubscribeOptions } from './stream-subscription.js';

/** What the stream grains of a silo are made of. */
export interface StreamServices {
  readonly bridge: GpuBridge;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Keeps the inputs of durable streams. */
  readonly port?: ClusterPort | undefined;
}

/** One key of a stream: items in, results out, in order, with backpressure from the slowest subscriber to the pushes. */
export class GpuStreamGrain<P extends KernelParams = KernelParams> implements Grain {
  private stream!: KeyedStream<StreamOutputs<P>>;
  private hold: Disposable | undefined;
  private isLeaving = false;

  constructor(
    private readonly services: StreamServices,
    private readonly definition: StreamDefinition<P>,
    private readonly layouts: readonly InputLayout[],
    private readonly context: Pick<
      GrainContext,
      'id' | 'siloId' | 'activationId' | 'fencingToken' | 'request' | 'keepActive'
    >,
    private readonly feed: PressureFeed,
  ) {}

  /** @throws GpuBridgeError `KERNEL_NOT_FOUND`; of a durable stream `STORAGE_UNAVAILABLE`, `CLUSTER_UNAVAILABLE`. */
  async onActivate(): Promise<void> {
    const { definition, layouts, context, services } = this;
    const { bridge, clock, logger, port } = services;
    const { activationId, fencingToken, id } = context;
    // The definition is the kernel's own; here its columns go through by name.
    const kernel = bridge.getKernel(definition.kernel) as unknown as GpuKernel<
      Record<string, unknown>,
      StreamOutputs<P>
    >;
    const untyped: StreamDefinition = definition;
    const log = definition.durable
      ? await InputLog.open({ port, clock, logger, definition: untyped, layouts, key: id.key, activationId })
      : undefined;
    this.stream = new KeyedStream({
      ...{ name: this.name, definition: untyped, layouts, kernel, clock, logger, fencingToken, log },
      changed: () => this.changed(),
    });
  }

  /**
   * Pushes one item; resolves when it is accepted, not when its result is there. Under `wait` that is when there is room.
   *
   * @param item - a value, record or list per input.
   * @param producer - of `at-least-once` streams, and only of those.
   * @throws GpuBridgeError `INVALID_ARGUMENT`, `NOT_SAFE_INTEGER`, `STREAM_FULL`, `DRAINING`, `CANCELLED`, `DEADLINE_EXCEEDED`; of
   *   durable streams `CLUSTER_UNAVAILABLE`: it may have been accepted, and may be repeated.
   */
  push(item: StreamItem<P>, producer?: ProducerStamp): Promise<StreamReceipt> {
    return this.accept(() => columnsOfItem(this.layouts, item), producer);
  }

  /** Pushes many items at once: all of them are accepted together. @param columns - borrowed until it resolves. */
  pushMany(columns: StreamColumns<P>, producer?: ProducerStamp): Promise<StreamReceipt> {
    return this.accept(() => checkedColumns(this.layouts, columns), producer);
  }

  /**
   * The stream's values from now on, or behind a position.
   *
   * @throws GpuBridgeError `INVALID_ARGUMENT`, `DRAINING`. The iteration ends with `SUBSCRIBER_DETACHED` for a subscriber that held
   *   others up, and with `DRAINING` or `LEASE_FENCED` when the grain goes: subscribe again then, behind the last value's position.
   */
  async subscribe(options: SubscribeOptions = {}): Promise<StreamSubscription<StreamOutputs<P>>> {
    const { credits } = checkSubscribeOptions(options);
    return this.stream.subscribe(options, credits);
  }

  /** For subscribers on other silos. */
  async acknowledge(subscriptionId: string, item: number): Promise<void> {
    this.stream.acknowledge(subscriptionId, item);
  }

  /** How full the stream is, how busy its devices, and what it has done. */
  async pressure(): Promise<StreamPressure> {
    return this.readPressure();
  }

  onDeactivating(reason: DeactivationReason): void {
    this.isLeaving = true;
    const { name } = this;
    this.stream.close(
      reason === 'fenced'
        ? new GpuBridgeError(
            'LEASE_FENCED',
            { what: name, fencingToken: this.context.fencingToken },
            `this silo has lost ${name}`,
          )
        : new GpuBridgeError('DRAINING', { what: name }, `${name} is about to go: it is there again when it is called`),
    );
  }

  /** What was accepted is delivered, or told of; what a log holds is the next activation's. */
  async onDeactivate(): Promise<void> {
    if (this.definition.durable) await this.stream.end('its grain is about to go');
    else await this.stream.drain();
    this.hold?.[Symbol.dispose]();
  }

  private get name(): string {
    const { type, key } = this.context.id;
    return `${type}/${key}`;
  }

  /** The request is read before the first `await`. */
  private async accept(check: () => ItemColumns, producer: ProducerStamp | undefined): Promise<StreamReceipt> {
    const { request } = this.context;
    checkStamp(producer, this.definition.delivery === 'at-least-once');
    return this.stream.push(check(), producer, request);
  }

  private changed(): void {
    this.feed.noteChange(this.readPressure);
    const { isBusy } = this.stream;
    if (isBusy && this.hold === undefined && !this.isLeaving) this.hold = this.context.keepActive();
    if (isBusy || this.hold === undefined) return;
    this.hold[Symbol.dispose]();
    this.hold = undefined;
  }

  private readonly readPressure = (): StreamPressure => {
    const { stream, definition } = this;
    const queueUse = stream.queuedItems / definition.queueItems;
    const devices = this.services.bridge.getInfo().devices.filter(({ health }) => health !== 'quarantined');
    return {
      ...{ stream: this.name, siloId: this.context.siloId, queuedItems: stream.queuedItems, queueUse },
      ...combinedPressure(
        queueUse,
        devices.map(({ pressure }) => pressure),
      ),
      ...stream.counts,
    };
  };
}
