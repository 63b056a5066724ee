import { createRequire } from 'node:module';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { RING_ABI_VERSION } from '@gpu-bridge/protocol';
import type { NativeAddon } from './native-addon.js';

const require = createRequire(import.meta.url);

/**
 * Loads the Node-API module. Node keeps one copy per path and process.
 *
 * @throws GpuBridgeError `BACKEND_UNAVAILABLE` when the system refuses it, or when it speaks another version of the ring ABI.
 */
export function loadAddon(path: string, backend: string): NativeAddon {
  let addon: NativeAddon;
  try {
    addon = require(path) as NativeAddon;
  } catch (cause) {
    throw unavailable(
      backend,
      `${path} cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    );
  }
  if (addon.ringAbiVersion === RING_ABI_VERSION) return addon;
  throw unavailable(
    backend,
    `${path} speaks version ${addon.ringAbiVersion} of the ring ABI, this package version ${RING_ABI_VERSION}: build native/ again, or install packages of one version`,
  );
}

function unavailable(backend: string, reason: string, cause?: unknown): GpuBridgeError<'BACKEND_UNAVAILABLE'> {
  return new GpuBridgeError('BACKEND_UNAVAILABLE', { backend, reason }, reason, { cause });
}
