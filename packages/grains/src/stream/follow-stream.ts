import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { KernelParams } from '@gpu-bridge/abstractions';
import type { StreamGrainReference } from './stream-grain-class.js';
import type { StreamOutputs } from './stream-definition.js';
import type { SubscribeOptions } from './stream-subscription.js';
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

/**
 * Subscribes, and again whenever the grain has moved or its silo has died, behind the last value that was worked on: asking for
 * the next value says that the one before is done with. Of a durable stream every item comes at least once.
 *
 * @throws GpuBridgeError what `subscribe` throws; `SUBSCRIBER_DETACHED`.
 */
export async function* followStream<P extends KernelParams>(
  stream: StreamGrainReference<P>,
  options: SubscribeOptions = {},
): AsyncGenerator<StreamValue<StreamOutputs<P>>, void, undefined> {
  let { after } = options;
  for (;;) {
    const subscription = await stream.subscribe(after === undefined ? options : { ...options, after });
    try {
      for (;;) {
        const step = await subscription.next().catch((error: unknown) => {
          if (GpuBridgeError.is(error) && PASSING.has(error.code)) return undefined;
          throw error;
        });
        if (step === undefined) break;
        if (step.done === true) return;
        yield step.value;
        after = step.value.position;
      }
    } finally {
      await subscription.return().catch(() => undefined); // where it has ended, there is nothing to leave
    }
  }
}
