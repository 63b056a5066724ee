import type {
  GpuBridge,
  GrainClass,
  GrainFactory,
  GrainOptions,
  GrainReference,
  GrainType,
  KernelDefinition,
  KernelInputs,
  KernelOutputs,
  KernelParams,
  RequestContext,
} from '@gpu-bridge/abstractions';
import { EXECUTE_FORM, EXECUTE_GRID_FORM } from './batch-remote-form.js';
import { GpuBatchGrain } from './gpu-batch-grain.js';
import { PublishedJobs, followUpsOf } from './published-jobs.js';

/**
 * Stateless and placed by its director, per call, by what the devices of the silos have free; reentrant, so that a call never
 * waits in the silo behind one that is being admitted: the broker queues, and refuses with `QUEUE_FULL`. One activation is then
 * enough. A kernel is a function of its inputs, so a job may run twice.
 */
const OPTIONS = {
  type: 'gpu-batch',
  kind: 'stateless-worker',
  maxLocal: 1,
  reentrant: true,
  idempotent: 'all',
  placement: { director: 'gpu' },
  remoteForms: { execute: EXECUTE_FORM, executeGrid: EXECUTE_GRID_FORM },
} as const satisfies GrainOptions;

/** A batch grain as the caller of a kernel with these parameters sees it. */
export type BatchGrainReference<P extends KernelParams> = Pick<
  GrainReference<GpuBatchGrain<KernelInputs<P>, KernelOutputs<P>>>,
  'execute' | 'executeGrid'
>;

/** The class of batch grains on a bridge's devices; bind it under `Tokens.GrainClass`. */
export function batchGrainClass(bridge: GpuBridge): GrainClass<GpuBatchGrain> {
  const jobs = new PublishedJobs();
  return {
    options: OPTIONS,
    create: (context) => new GpuBatchGrain(bridge, context, jobs),
    followUps: followUpsOf(jobs, bridge),
  };
}

/**
 * The batch grain of a kernel, typed by its parameters. It is found by the kernel's name.
 *
 * @param request - what travels with every call: tenant, trace, limits.
 * @throws GpuBridgeError `GRAIN_NOT_FOUND` when no batch grain class is registered. A kernel that is not registered
 *   shows in the first call, as `KERNEL_NOT_FOUND`.
 */
export function getBatchGrain<P extends KernelParams>(
  factory: GrainFactory,
  kernel: KernelDefinition<P>,
  request?: RequestContext,
): BatchGrainReference<P> {
  const type: GrainType<GpuBatchGrain<KernelInputs<P>, KernelOutputs<P>>> = { options: OPTIONS };
  return factory.getGrain(type, kernel.name, request);
}
