import { GpuBridgeError, Tokens, resolveOptions } from '@gpu-bridge/abstractions';
import type {
  Clock,
  GpuBridgeOptions,
  KernelDefinition,
  LifecycleParticipant,
  Logger,
  ResolvedNativeOptions,
} from '@gpu-bridge/abstractions';
import { auditModule, resolveAuditOptions } from '@gpu-bridge/audit';
import type { AuditOptions } from '@gpu-bridge/audit';
import { cpuBackendModule } from '@gpu-bridge/compute-cpu';
import { grainsModule } from '@gpu-bridge/grains';
import { createKernelCompiler } from '@gpu-bridge/kernels';
import type { CompilerOptions } from '@gpu-bridge/kernels';
import { runtimeModule, telemetryModule } from '@gpu-bridge/runtime';
import { resolveSiloOptions, siloModule } from '@gpu-bridge/silo';
import type { SiloOptions } from '@gpu-bridge/silo';
import type { Container } from 'inversify';
import { checkClusterOptions, createClusterPort } from './cluster-ports.js';
import type { ClusterOptions } from './cluster-ports.js';
import { GpuBridgeHost } from './gpu-bridge-host.js';
import { bindResident, bindStream, checkResidents, checkStreams } from './grain-classes.js';
import type { AnyResident, AnyStream } from './grain-classes.js';
import { LazyNativeBackend, nativeBackendNames } from './native-backends.js';

/** Everything a host application may set; see the parts for defaults and ranges. */
export interface GpuBridgeHostOptions extends GpuBridgeOptions {
  /** The silo: activations, call queues, shutdown, membership. */
  readonly silo?: SiloOptions;
  /** What connects this silo to others, or keeps its state. Default: a silo alone that keeps nothing. */
  readonly cluster?: ClusterOptions;
  /**
   * Folder that keeps compiled kernels between starts, made where it does not exist; what lies in it is run, so keep it to
   * this application. Default none: kernels that no build has compiled are compiled at every start.
   */
  readonly kernelCacheFolder?: string;
  /** Streams whose grains this silo hosts, of names that differ; their kernels stand under `kernels` too. Default none. */
  readonly streams?: readonly AnyStream[];
  /** Types of resident grains that this silo hosts, of types that differ; the kernels that compute on them stand under `kernels` too. Default none. */
  readonly residents?: readonly AnyResident[];
  /** Where and what jobs are recorded, so that results can be proven later. Default: nothing is. */
  readonly audit?: AuditOptions;
}

/**
 * Adds GpuBridge to a host application's container and returns the host to start and stop it with. Everything is
 * embedded: one CPU device, one in-process silo, nothing to install or connect to. Devices of the option `native` come with
 * the package `@gpu-bridge/compute-native`, silos on other processes and machines with `@gpu-bridge/cluster-nats`.
 *
 * ```ts
 * const container = new Container();
 * const host = addGpuBridge(container, { kernels: [axpy] });
 * await host.start();
 * const bridge = container.get<GpuBridge>(Tokens.GpuBridge);
 * ```
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for an option that is unknown or out of range, or a container that has a bridge
 *   already; nothing is bound then.
 */
export function addGpuBridge(container: Container, options: GpuBridgeHostOptions = {}): GpuBridgeHost {
  if (typeof options !== 'object' || options === null)
    throw GpuBridgeError.invalidArgument('options', options, 'an object');
  if (container.isBound(Tokens.GpuBridge)) {
    throw GpuBridgeError.invalidArgument(
      'container',
      'one with GpuBridge',
      'a container without it: a silo has one bridge',
    );
  }
  const { silo, cluster, kernelCacheFolder, streams = [], residents = [], audit, ...bridge } = options;
  const resolved = resolveOptions(bridge);
  resolveSiloOptions(silo);
  if (cluster !== undefined) checkClusterOptions(cluster);
  checkStreams(streams);
  checkResidents(residents);
  const resolvedAudit = audit === undefined ? undefined : checkedAudit(audit, resolved.kernels);
  const compiler = createKernelCompiler(checkedCache(kernelCacheFolder));
  container.bind(Tokens.Options).toConstantValue(resolved);
  container.bind(Tokens.KernelCompiler).toConstantValue(compiler);
  if (cluster !== undefined) {
    container
      .bind(Tokens.ClusterPort)
      .toResolvedValue(
        (clock: Clock, logger: Logger) => createClusterPort(cluster, clock, logger),
        [Tokens.Clock, Tokens.Logger],
      )
      .inSingletonScope();
  }
  container.load(runtimeModule, siloModule(silo), grainsModule);
  const { metrics, traces } = resolved.telemetry;
  if (metrics || traces) container.load(telemetryModule({ metrics, traces }));
  if (resolvedAudit !== undefined) container.load(auditModule(resolvedAudit));
  if (resolved.cpu !== false) container.load(cpuBackendModule);
  if (resolved.native !== false) bindNative(container, resolved.native);
  for (const definition of streams) bindStream(container, definition);
  for (const definition of residents) bindResident(container, definition);
  return new GpuBridgeHost(() => container.getAllAsync<LifecycleParticipant>(Tokens.LifecycleParticipant));
}

function bindNative(container: Container, native: ResolvedNativeOptions): void {
  for (const name of nativeBackendNames(native)) {
    container
      .bind(Tokens.ComputeBackend)
      .toResolvedValue((logger: Logger) => new LazyNativeBackend(name, native, logger), [Tokens.Logger])
      .inSingletonScope();
  }
}

/** A policy for a kernel that there is not would be one for a misspelt kernel, which then goes unrecorded. */
function checkedAudit(options: AuditOptions, kernels: readonly KernelDefinition[]) {
  const resolved = resolveAuditOptions(options);
  const known = kernels.map(({ name }) => name);
  const unknown = Object.keys(resolved.kernels).find((name) => !known.includes(name));
  if (unknown === undefined) return resolved;
  throw GpuBridgeError.invalidArgument('options.audit.kernels', unknown, `one of ${known.join(', ') || 'no kernels'}`);
}

function checkedCache(folder: unknown): CompilerOptions {
  if (folder === undefined) return {};
  if (typeof folder === 'string' && folder !== '') return { cacheFolder: folder };
  throw GpuBridgeError.invalidArgument('options.kernelCacheFolder', folder, 'the path of a folder');
}
