import { GpuBridgeError } from '@gpu-bridge/abstractions';

/** @throws GpuBridgeError `INVALID_ARGUMENT` for what the servers would not take. */
export function checkPayload(field: string, payload: Uint8Array, maxPayloadBytes: number): void {
  if (payload.byteLength > maxPayloadBytes)
    throw GpuBridgeError.invalidArgument(field, payload, `at most ${maxPayloadBytes} bytes`);
}

/**
 * The same bytes as a plain `Uint8Array`: the client library reads into `Buffer`s, whose `slice` copies nothing and whose
 * class would travel on into whatever is made of them.
 */
export function plain(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
