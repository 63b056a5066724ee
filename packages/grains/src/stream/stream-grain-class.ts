import type { GrainClass, GrainFactory, GrainOptions, GrainReference, KernelParams } from '@gpu-bridge/abstractions';
import type { Observable } from 'rxjs';
import { GpuStreamGrain } from './gpu-stream-grain.js';
import type { StreamServices } from './gpu-stream-grain.js';
import { inputLayouts } from './item-columns.js';
import { SUBSCRIBE_FORM } from './remote-subscription.js';
import type { StreamDefinition } from './stream-definition.js';
import { PressureFeed } from './stream-pressure.js';
import type { StreamPressure } from './stream-pressure.js';

/** A stream grain as its producers and subscribers see it. */
export type StreamGrainReference<P extends KernelParams> = Pick<
  GrainReference<GpuStreamGrain<P>>,
  'push' | 'pushMany' | 'subscribe' | 'pressure'
>;

/** The class of one stream's grains in a silo. */
export interface StreamGrainClass<P extends KernelParams> extends GrainClass<GpuStreamGrain<P>> {
  /** Emits per stream of this silo when its depth or its subscribers change, at most once per event-loop turn. */
  readonly pressure$: Observable<StreamPressure>;
}

/** The class of a stream's grains; bind it under `Tokens.GrainClass`. */
export function streamGrainClass<P extends KernelParams>(
  services: StreamServices,
  definition: StreamDefinition<P>,
): StreamGrainClass<P> {
  const feed = new PressureFeed();
  const layouts = inputLayouts(definition.kernel.params);
  return {
    options: optionsOf(definition),
    pressure$: feed.pressure$,
    create: (context) => new GpuStreamGrain(services, definition, layouts, context, feed),
  };
}

/**
 * The stream of a key, typed by its kernel's parameters.
 *
 * @param definition - the same on every silo.
 * @throws GpuBridgeError `GRAIN_NOT_FOUND` when no class of that stream is registered.
 */
export function getStreamGrain<P extends KernelParams>(
  factory: GrainFactory,
  definition: StreamDefinition<P>,
  key: string,
): StreamGrainReference<P> {
  return factory.getGrain<GpuStreamGrain<P>>({ options: optionsOf(definition) }, key);
}

/**
 * Reentrant, since pushes that wait for room must not keep subscribers from making it. Pushes that name their producer are taken
 * once, so they may be made again when a silo died with them.
 */
function optionsOf<P extends KernelParams>({ name, kernel, delivery, hints }: StreamDefinition<P>) {
  const idempotent = ['subscribe', 'pressure', ...(delivery === 'at-least-once' ? ['push', 'pushMany'] : [])];
  return {
    type: `gpu-stream-${name}`,
    kind: 'keyed',
    reentrant: true,
    idempotent,
    placement: {
      director: 'gpu',
      kernels: [kernel.name],
      ...(hints.deviceType === undefined ? {} : { deviceType: hints.deviceType }),
    },
    remoteForms: { subscribe: SUBSCRIBE_FORM },
  } as const satisfies GrainOptions;
}
