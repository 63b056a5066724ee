import type { GrainClass, GrainFactory, GrainOptions, GrainReference, KernelParams } from '@gpu-bridge/abstractions';
import { GpuStreamGrain } from './gpu-stream-grain.js';
import type { StreamServices } from './gpu-stream-grain.js';
import { inputLayouts } from './item-columns.js';
import { SUBSCRIBE_FORM } from './remote-subscription.js';
import type { StreamDefinition } from './stream-definition.js';
import { pressureFeedOf } from './stream-pressure.js';

/** A stream grain as its producers and subscribers see it. */
export type StreamGrainReference<P extends KernelParams> = Pick<
  GrainReference<GpuStreamGrain<P>>,
  'push' | 'pushMany' | 'subscribe' | 'pressure'
>;

/** The class of a stream's grains; bind it under `Tokens.GrainClass`. */
export function streamGrainClass<P extends KernelParams>(
  services: StreamServices,
  definition: StreamDefinition<P>,
): GrainClass<GpuStreamGrain<P>> {
  const feed = pressureFeedOf(definition);
  const layouts = inputLayouts(definition.kernel.params);
  return {
    options: optionsOf(definition),
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
