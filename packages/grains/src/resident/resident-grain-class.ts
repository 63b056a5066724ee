import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  DatasetColumns,
  DatasetStore,
  GpuBridge,
  GrainClass,
  GrainFactory,
  GrainOptions,
  GrainReference,
  RemoteForm,
  RequestContext,
} from '@gpu-bridge/abstractions';
import { PublishedJobs, followUpsOf } from '../batch/published-jobs.js';
import { ComputeDevices } from './compute-device.js';
import { GpuResidentGrain } from './gpu-resident-grain.js';
import type { ResidentDefinition, ResidentGrainConstructor } from './resident-definition.js';
import { COMPUTE_FORM } from './resident-remote-form.js';

/**
 * Keyed: an epoch becomes current in one place. Computing interleaves, so that no call waits behind one whose epoch is being
 * loaded; admission is the broker's. It may run twice: a job is a function of its inputs and an epoch, which never changes.
 */
function optionsOf<C extends DatasetColumns, G extends object>(definition: ResidentDefinition<C, G>): GrainOptions {
  const { type, kernels = [], placement, interleaving = [], idempotent = [] } = definition;
  return {
    type,
    kind: 'keyed',
    persistent: true,
    interleaving: ['compute', 'describe', ...interleaving],
    idempotent: ['compute', 'describe', 'pin', 'unpin', ...idempotent],
    placement: placement ?? { director: 'gpu', kernels: kernels.map(({ name }) => name) },
    remoteForms: { compute: COMPUTE_FORM as unknown as RemoteForm },
  };
}

/**
 * The class of a type of resident grains on a silo's devices; bind it under `Tokens.GrainClass`.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT`
 */
export function residentGrainClass<C extends DatasetColumns, G extends object = GpuResidentGrain<undefined, C>>(
  bridge: GpuBridge,
  store: DatasetStore,
  definition: ResidentDefinition<C, G>,
): GrainClass<G> {
  checkDefinition(definition);
  const jobs = new PublishedJobs();
  // Without a class of its own, G is the one that it defaults to.
  const Grain = (definition.grain ?? GpuResidentGrain) as unknown as ResidentGrainConstructor<C, G>;
  const { type, columns, source, tenant, sharedWith } = definition;
  const own = { ...(source && { source }), ...(tenant !== undefined && { tenant }), ...(sharedWith && { sharedWith }) };
  const devices = new ComputeDevices(bridge, store);
  const services = { bridge, store, jobs, devices, definition: { type, columns, ...own } };
  return {
    options: optionsOf(definition),
    create: (context) => new Grain(services, context),
    followUps: followUpsOf(jobs, bridge),
  };
}

/**
 * The resident grain of a key, typed by its definition.
 *
 * @param request - its tenant is who publishes and computes.
 * @throws GpuBridgeError as `getGrain`.
 */
export function getResidentGrain<C extends DatasetColumns, G extends object = GpuResidentGrain<undefined, C>>(
  factory: GrainFactory,
  definition: ResidentDefinition<C, G>,
  key: string,
  request?: RequestContext,
): GrainReference<G> {
  return factory.getGrain<G>({ options: optionsOf(definition) }, key, request);
}

/** What the silo and the dataset store would find out only when it is called. */
function checkDefinition({
  columns,
  source,
}: Pick<ResidentDefinition, 'columns'> & { readonly source?: unknown }): void {
  if (typeof columns !== 'object' || columns === null || Object.keys(columns).length === 0)
    throw GpuBridgeError.invalidArgument('definition.columns', columns, 'element types by column, at least one');
  const { load, save } = (source ?? {}) as { readonly load?: unknown; readonly save?: unknown };
  const isSource = typeof load === 'function' && (save === undefined || typeof save === 'function');
  if (source !== undefined && !isSource)
    throw GpuBridgeError.invalidArgument('definition.source', source, 'an object with load, and save where it saves');
}
