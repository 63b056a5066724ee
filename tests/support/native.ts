import { spawnSync } from 'node:child_process';
import { resolveOptions } from '@gpu-bridge/abstractions';
import type { ComputeBackend, Logger, NativeOptions } from '@gpu-bridge/abstractions';
import { createNativeBackends } from '@gpu-bridge/compute-native';

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** Runs for kernels of the native CPU device. */
export const COMPILER = 'g++';

/** The one backend that the options name. */
export function nativeBackend(options: NativeOptions): ComputeBackend {
  const { native } = resolveOptions({ native: { compiler: COMPILER, ...options } });
  const [backend] = native === false ? [] : createNativeBackends(native, silent);
  if (backend === undefined) throw new Error('the options name no backend');
  return backend;
}

/** Why tests with these devices cannot run here; undefined where they can. */
export async function absenceOf(options: NativeOptions): Promise<string | undefined> {
  const needsCompiler = options.cpu !== undefined && options.cpu !== false;
  if (needsCompiler && spawnSync(COMPILER, ['--version']).error !== undefined) return `no ${COMPILER}`;
  const backend = nativeBackend(options);
  return (await backend.discover()).length > 0 ? undefined : (backend.absence ?? 'no device');
}
