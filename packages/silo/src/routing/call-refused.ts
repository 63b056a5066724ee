import type { GpuBridgeError } from '@gpu-bridge/abstractions';

/**
 * The call did not run: the silo that was asked hosts the grain no longer, is full, drains, or was not there. Unlike an
 * error of the grain, it lets the router try elsewhere; callers see `reason` when there is no elsewhere.
 */
export class CallRefused extends Error {
  override readonly name = 'CallRefused';

  constructor(readonly reason: GpuBridgeError) {
    super(reason.message);
  }
}
