import type {
  GpuBridge,
  GrainClass,
  GrainFactory,
  GrainOptions,
  GrainReference,
  KernelDefinition,
  KernelInputs,
  KernelOutputs,
  KernelParams,
} from '@gpu-bridge/abstractions';
import { GpuBatchGrain } from './gpu-batch-grain.js';

/**
 * Stateless, so local; reentrant, so that a call never waits in the silo behind one that is being admitted: the broker
 * queues, and refuses with `QUEUE_FULL`. One activation is then enough.
 */
const OPTIONS = {
  type: 'gpu-batch',
  kind: 'stateless-worker',
  maxLocal: 1,
  reentrant: true,
} as const satisfies GrainOptions;

/** A batch grain as the caller of a kernel with these parameters sees it. */
export type BatchGrainReference<P extends KernelParams> = GrainReference<
  GpuBatchGrain<KernelInputs<P>, KernelOutputs<P>>
>;

/** The class of batch grains on a bridge's devices; bind it under `Tokens.GrainClass`. */
export function batchGrainClass(bridge: GpuBridge): GrainClass<GpuBatchGrain> {
  return { options: OPTIONS, create: ({ id }) => new GpuBatchGrain(bridge, id.key) };
}

/**
 * The batch grain of a kernel, typed by its parameters. It is found by the kernel's name.
 *
 * @throws GpuBridgeError `GRAIN_NOT_FOUND` when no batch grain class is registered. A kernel that is not registered
 *   shows in the first call, as `KERNEL_NOT_FOUND`.
 */
export function getBatchGrain<P extends KernelParams>(
  factory: GrainFactory,
  kernel: KernelDefinition<P>,
): BatchGrainReference<P> {
  return factory.getGrain<GpuBatchGrain<KernelInputs<P>, KernelOutputs<P>>>({ options: OPTIONS }, kernel.name);
}
