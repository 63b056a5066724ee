import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ErrorCode, ErrorDetails, RemoteForm, RemoteSide } from '@gpu-bridge/abstractions';
import { packBatch, unpackBatch } from '../batch/packed-batch.js';
import { Subscription } from './stream-subscription.js';
import type { StreamSubscription, SubscribeOptions } from './stream-subscription.js';
import type { StreamPosition, StreamValue } from './stream-value.js';

type Value = StreamValue<unknown>;
type Step = IteratorResult<Value, undefined>;
const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

const LEAVING = ['DRAINING', 'GRAIN_MOVED', 'LEASE_FENCED'] as const;

/** How a subscription reaches another silo: its id, then its values; what the subscriber has taken goes back by calls. */
export const SUBSCRIBE_FORM: RemoteForm<[SubscribeOptions?], StreamSubscription<unknown>> = {
  toStream: (subscription) => {
    if (subscription instanceof Subscription) return new PackedValues(subscription as Subscription<unknown>);
    throw GpuBridgeError.invalidArgument('subscription', subscription, 'what a stream grain of this silo returned');
  },
  fromStream: async (values, remote) => {
    const iterator = values[Symbol.asyncIterator]();
    const id: unknown = (await iterator.next()).value;
    if (typeof id === 'string') return new RemoteSubscription(id, iterator, remote);
    await iterator.return?.();
    throw malformed('subscription');
  },
};

/** At the grain. No generator: it would hear of its end only with the next value. */
class PackedValues implements AsyncIterableIterator<unknown> {
  private hasBegun = false;

  constructor(private readonly subscription: Subscription<unknown>) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<unknown>> {
    if (!this.hasBegun) {
      this.hasBegun = true;
      return { done: false, value: this.subscription.id };
    }
    const step = await this.subscription.pull();
    return step.done === true ? DONE : { done: false, value: packValue(step.value) };
  }

  return(): Promise<IteratorResult<unknown>> {
    return this.subscription.return();
  }
}

/** At the subscriber. */
class RemoteSubscription implements StreamSubscription<unknown> {
  /** Items below it have been taken; the grain is to hear of it. */
  private taken = 0;
  private told = 0;
  private telling = false;
  /** Why the grain could not be told: it would wait for ever. */
  private failure: { readonly error: unknown } | undefined;
  private inHand = 0;

  constructor(
    private readonly id: string,
    private readonly values: AsyncIterator<unknown>,
    private readonly remote: RemoteSide,
  ) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<Step> {
    this.taken = this.inHand;
    void this.tell();
    const step = await this.values.next();
    if (step.done === true) {
      // `tell` ends the values too, also under a reader that waits for one: to the reader that is no end of the stream.
      if (this.failure !== undefined) throw this.failure.error;
      return DONE;
    }
    const value = unpackValue(step.value);
    this.inHand = Math.max(this.inHand, value.firstItem + value.itemCount);
    return { done: false, value };
  }

  async return(): Promise<Step> {
    await this.values.return?.();
    return DONE;
  }

  /** One call at a time, with the latest number: what is taken meanwhile goes with the next one. */
  private async tell(): Promise<void> {
    if (this.telling || this.failure !== undefined) return;
    this.telling = true;
    try {
      while (this.told < this.taken) {
        const { taken } = this;
        await this.remote.call('acknowledge', [this.id, taken]);
        this.told = taken;
      }
    } catch (error) {
      // The grain goes and listens to nobody any more: the values say when that is.
      if (LEAVING.some((code) => GpuBridgeError.is(error, code))) return;
      this.failure = { error };
      await this.values.return?.().catch(() => undefined);
    } finally {
      this.telling = false;
    }
  }
}

interface PackedFailure {
  readonly code: string;
  readonly message: string;
  readonly details: unknown;
}

function packValue(value: Value): unknown {
  const { outcome, firstItem, itemCount, position } = value;
  const part = { outcome, firstItem, itemCount, position };
  switch (value.outcome) {
    case 'completed':
      return { ...part, ...packBatch(value) };
    case 'dropped':
      return { ...part, reason: value.reason };
    case 'failed': {
      const { code, details, message } = value.error;
      return { ...part, jobId: value.jobId, error: { code, details: plain(details), message } satisfies PackedFailure };
    }
  }
}

function unpackValue(packed: unknown): Value {
  const value = (packed ?? {}) as Record<string, unknown>;
  const { outcome, firstItem, itemCount, position, reason, jobId, error } = value;
  if (typeof firstItem !== 'number' || typeof itemCount !== 'number' || !isPosition(position)) throw malformed('value');
  const part = { firstItem, itemCount, position };
  if (outcome === 'completed') return { ...unpackBatch(value), outcome, position };
  if (outcome === 'dropped' && (reason === 'overflow' || reason === 'released' || reason === 'restarted'))
    return { ...part, outcome, reason };
  if (outcome === 'failed' && isFailure(error)) {
    const { code, details, message } = error;
    // Written by the same code on the other side; the details belong to the code.
    const cause = new GpuBridgeError(code as ErrorCode, details as ErrorDetails[ErrorCode], withoutCode(code, message));
    return { ...part, outcome, jobId: typeof jobId === 'string' ? jobId : undefined, error: cause };
  }
  throw malformed('value');
}

/** Details with what crosses: scalars and lists of them. A caller's own value in them need not be plain data. */
function plain(details: object): Record<string, unknown> {
  const isPlain = (value: unknown): boolean =>
    value === null ||
    !['object', 'function', 'symbol'].includes(typeof value) ||
    (Array.isArray(value) && value.every(isPlain));
  return Object.fromEntries(
    Object.entries(details).map(([name, value]) => [name, isPlain(value) ? (value as unknown) : String(value)]),
  );
}

function withoutCode(code: string, message: string): string {
  return message.startsWith(`${code}: `) ? message.slice(code.length + 2) : message;
}

function isPosition(value: unknown): value is StreamPosition {
  const { entry, item } = (value ?? {}) as Partial<Record<keyof StreamPosition, unknown>>;
  return typeof entry === 'number' && typeof item === 'number';
}

function isFailure(value: unknown): value is PackedFailure {
  const { code, message, details } = (value ?? {}) as Partial<Record<keyof PackedFailure, unknown>>;
  return typeof code === 'string' && typeof message === 'string' && typeof details === 'object' && details !== null;
}

function malformed(what: string): GpuBridgeError {
  return new GpuBridgeError(
    'MESSAGE_INVALID',
    { reason: `no ${what}` },
    `the ${what} of a remote stream came malformed`,
  );
}
