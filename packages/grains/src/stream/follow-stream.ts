import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { KernelParams } from '@gpu-bridge/abstractions';
import type { StreamGrainReference } from './stream-grain-class.js';
import type { StreamOutputs } from './stream-definition.js';
import type { StreamSubscription, SubscribeOptions } from './stream-subscription.js';
import type { StreamValue } from './stream-value.js';

/** The grain is gone from where it was, and is found again by calling it. */
const PASSING = new Set<string>([
  'DRAINING',
  'LEASE_FENCED',
  'GRAIN_MOVED',
  'OUTCOME_UNKNOWN',
  'SILO_UNREACHABLE',
  'CLUSTER_UNAVAILABLE',
]);

/** A call looks for its grain for two leases by itself; a failover may take longer. */
const MOST_FAILURES = 10;

/**
 * Subscribes, and again whenever the grain has moved or its silo has died, behind the last value that was worked on: asking for
 * the next value says that the one before is done with. Of a durable stream every item comes at least once.
 *
 * @throws GpuBridgeError `SUBSCRIBER_DETACHED`; what `subscribe` throws, where it does so the first time or ten times in a row.
 */
export async function* followStream<P extends KernelParams>(
  stream: StreamGrainReference<P>,
  options: SubscribeOptions = {},
): AsyncGenerator<StreamValue<StreamOutputs<P>>, void, undefined> {
  let { after } = options;
  let subscription = await stream.subscribe(options);
  for (;;) {
    try {
      for (;;) {
        const step = await unlessPassing(subscription.next());
        if (step === undefined) break;
        if (step.done === true) return;
        yield step.value;
        after = step.value.position;
      }
    } finally {
      await subscription.return().catch(() => undefined); // where it has ended, there is nothing to leave
    }
    subscription = await subscribeAgain(stream, after === undefined ? options : { ...options, after });
  }
}

async function subscribeAgain<P extends KernelParams>(
  stream: StreamGrainReference<P>,
  options: SubscribeOptions,
): Promise<StreamSubscription<StreamOutputs<P>>> {
  for (let failures = 1; failures < MOST_FAILURES; failures++) {
    const subscription = await unlessPassing(stream.subscribe(options));
    if (subscription !== undefined) return subscription;
  }
  return stream.subscribe(options);
}

/** What the promise has; undefined where it fails because the grain is not where it was. */
async function unlessPassing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (GpuBridgeError.is(error) && PASSING.has(error.code)) return undefined;
    throw error;
  }
}
