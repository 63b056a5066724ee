import { GpuBridgeError, Tokens } from '@gpu-bridge/abstractions';
import type { Clock, ClusterPort, DatasetStore, GpuBridge, GrainClass, Logger } from '@gpu-bridge/abstractions';
import { residentGrainClass, streamGrainClass } from '@gpu-bridge/grains';
import type { ResidentDefinition, StreamDefinition } from '@gpu-bridge/grains';
import type { Container } from 'inversify';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- streams of kernels of any parameters
export type AnyStream = StreamDefinition<any>;
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- resident grains of any columns and class
export type AnyResident = ResidentDefinition<any, any>;

/** @throws GpuBridgeError `INVALID_ARGUMENT` for what `defineStream` did not make, or two of one name. */
export function checkStreams(streams: unknown): void {
  const ok = Array.isArray(streams) && streams.every((stream: Partial<StreamDefinition> | null) => isStream(stream));
  if (!ok) throw GpuBridgeError.invalidArgument('options.streams', streams, 'streams made by defineStream');
  refuseTwins(
    'options.streams',
    (streams as readonly AnyStream[]).map(({ name }) => name),
  );
}

/** @throws GpuBridgeError `INVALID_ARGUMENT` for what is no definition, or two of one type. */
export function checkResidents(residents: unknown): void {
  const ok =
    Array.isArray(residents) &&
    residents.every((resident: { readonly type?: unknown } | null) => typeof resident?.type === 'string');
  if (!ok) throw GpuBridgeError.invalidArgument('options.residents', residents, 'definitions of resident grains');
  refuseTwins(
    'options.residents',
    (residents as readonly AnyResident[]).map(({ type }) => type),
  );
}

export function bindStream(container: Container, definition: AnyStream): void {
  container
    .bind<GrainClass>(Tokens.GrainClass)
    .toResolvedValue(
      (bridge: GpuBridge, clock: Clock, logger: Logger, port: ClusterPort | undefined) =>
        streamGrainClass({ bridge, clock, logger, port }, definition as StreamDefinition),
      [Tokens.GpuBridge, Tokens.Clock, Tokens.Logger, { serviceIdentifier: Tokens.ClusterPort, optional: true }],
    )
    .inSingletonScope();
}

export function bindResident(container: Container, definition: AnyResident): void {
  container
    .bind<GrainClass>(Tokens.GrainClass)
    .toResolvedValue(
      (bridge: GpuBridge, store: DatasetStore) =>
        residentGrainClass(bridge, store, definition as ResidentDefinition) as GrainClass,
      [Tokens.GpuBridge, Tokens.DatasetStore],
    )
    .inSingletonScope();
}

function isStream(stream: Partial<StreamDefinition> | null): boolean {
  return stream?.kernel?.kind === 'map' && typeof stream.name === 'string' && stream.microBatch !== undefined;
}

function refuseTwins(field: string, names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw GpuBridgeError.invalidArgument(field, twice, 'definitions of different names');
}
