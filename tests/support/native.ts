import { spawnSync } from 'node:child_process';
import { Tokens, resolveOptions } from '@gpu-bridge/abstractions';
import type {
  ComputeBackend,
  DeviceInfo,
  GpuBridge,
  KernelCompiler,
  KernelTarget,
  Logger,
  NativeOptions,
} from '@gpu-bridge/abstractions';
import { createNativeBackends } from '@gpu-bridge/compute-native';
import { addGpuBridge } from '@gpu-bridge/hosting';
import type { GpuBridgeHostOptions } from '@gpu-bridge/hosting';
import { createKernelCompiler } from '@gpu-bridge/kernels';
import { Container } from 'inversify';

// One compute unit must stay free beside resident kernels; PoCL has as many as it has threads.
process.env['POCL_MAX_PTHREAD_COUNT'] ??= '4';

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** Runs for kernels of the native CPU device. */
const COMPILER = 'g++';

/** The one backend that the options name. */
export function nativeBackend(options: NativeOptions): ComputeBackend {
  const { native } = resolveOptions({ native: { compiler: COMPILER, ...options } });
  const [backend] = native === false ? [] : createNativeBackends(native, silent);
  if (backend === undefined) throw new Error('the options name no backend');
  return backend;
}

/** The compiler as a silo with such a device uses it. */
export function compilerFor(target: KernelTarget): KernelCompiler {
  const compiler = createKernelCompiler();
  return { ...compiler, compile: (definition) => compiler.compile(definition, { targets: [target] }) };
}

/** Why tests with these devices cannot run here; undefined where they can, and where CI=true, so that they fail. */
export async function absenceOf(options: NativeOptions): Promise<string | undefined> {
  if (process.env['CI'] === 'true') return undefined;
  const needsCompiler = options.cpu !== undefined && options.cpu !== false;
  if (needsCompiler && spawnSync(COMPILER, ['--version']).error !== undefined) return `no ${COMPILER}`;
  const backend = nativeBackend(options);
  return (await backend.discover()).length > 0 ? undefined : (backend.absence ?? 'no device');
}

export interface NativeSilo extends AsyncDisposable {
  readonly container: Container;
  readonly bridge: GpuBridge;
  readonly warnings: string[];
  /** What the bridge says of a device. */
  info(deviceId: string): DeviceInfo;
  /** Process of the host that serves the device now; undefined while none does. */
  pid(deviceId: string): number | undefined;
}

/**
 * A started silo with these devices; `await using` stops it, also when the test fails.
 *
 * @param prepare - what a host does to its container before the start.
 */
export async function startNativeSilo(
  options: GpuBridgeHostOptions,
  prepare: (container: Container) => void = () => undefined,
): Promise<NativeSilo> {
  const container = new Container();
  const host = addGpuBridge(container, {
    ...options,
    cpu: options.cpu ?? { workers: 2, arenaMiB: 64 },
    native: { compiler: COMPILER, ...options.native },
  });
  const warnings: string[] = [];
  const log = (message: string, fields?: object): void => void warnings.push(`${message} ${JSON.stringify(fields)}`);
  container.rebind<Logger>(Tokens.Logger).toConstantValue({ ...silent, warn: log, error: log });
  prepare(container);
  await host.start();
  const bridge = container.get<GpuBridge>(Tokens.GpuBridge);
  const info = (deviceId: string): DeviceInfo => {
    const found = bridge.getInfo().devices.find(({ description }) => description.id === deviceId);
    if (found === undefined) throw new Error(`${deviceId} is not open`);
    return found;
  };
  const pid = (deviceId: string): number | undefined => info(deviceId).host?.hostPid;
  return { container, bridge, warnings, info, pid, [Symbol.asyncDispose]: () => host.stop() };
}
