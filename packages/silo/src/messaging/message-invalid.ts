import { GpuBridgeError } from '@gpu-bridge/abstractions';

/** A frame that no silo of this version sends. */
export function messageInvalid(reason: string): GpuBridgeError<'MESSAGE_INVALID'> {
  return new GpuBridgeError('MESSAGE_INVALID', { reason }, reason);
}

/** States what a frame must hold. @throws GpuBridgeError `MESSAGE_INVALID` */
export function expectFrame(condition: boolean, reason: string): asserts condition {
  if (!condition) throw messageInvalid(reason);
}
