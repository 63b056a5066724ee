import { GpuBridgeError } from '../errors/gpu-bridge-error.js';

const ADDRESS = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
const KEY = /^[A-Za-z0-9_=/-]+(\.[A-Za-z0-9_=/-]+)*$/;
const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const MAX_U32 = 0xffff_ffff;

/** Addresses of endpoints and subjects of streams. @throws GpuBridgeError `INVALID_ARGUMENT` */
export function checkClusterAddress(address: string, field = 'address'): void {
  if (typeof address === 'string' && address.length <= 128 && ADDRESS.test(address)) return;
  throw GpuBridgeError.invalidArgument(field, address, '1 … 128 of A-Z a-z 0-9 - _ . with no empty part between dots');
}

/** Keys of tables. @throws GpuBridgeError `INVALID_ARGUMENT` */
export function checkClusterKey(key: string): void {
  if (typeof key === 'string' && key.length <= 512 && KEY.test(key)) return;
  throw GpuBridgeError.invalidArgument('key', key, '1 … 512 of A-Z a-z 0-9 - _ = / . with no empty part between dots');
}

/** Names of tables, streams and consumers. @throws GpuBridgeError `INVALID_ARGUMENT` */
export function checkClusterName(name: string, field: string): void {
  if (typeof name === 'string' && NAME.test(name)) return;
  throw GpuBridgeError.invalidArgument(field, name, '1 … 64 of A-Z a-z 0-9 - _');
}

/** Payloads of messages and stream entries, values of rows. @throws GpuBridgeError `INVALID_ARGUMENT` */
export function checkClusterPayload(payload: Uint8Array, maxPayloadBytes: number, field = 'payload'): void {
  if (payload instanceof Uint8Array && payload.byteLength <= maxPayloadBytes) return;
  throw GpuBridgeError.invalidArgument(field, payload, `a Uint8Array of at most ${maxPayloadBytes} bytes`);
}

/** What `onUndeliverable` tells. @throws GpuBridgeError `INVALID_ARGUMENT` */
export function checkClusterCorrelation(correlation: number | undefined): void {
  if (correlation === undefined) return;
  if (Number.isInteger(correlation) && correlation >= 0 && correlation <= MAX_U32) return;
  throw GpuBridgeError.invalidArgument('correlation', correlation, 'an integer of 0 … 4294967295');
}
