import { GpuBridgeError } from '@gpu-bridge/abstractions';

const DOTTED = /^[\w-]+(\.[\w-]+)*$/;
const KEY = /^[\w=/-]+(\.[\w=/-]+)*$/;
const NAME = /^[\w-]{1,64}$/;

/**
 * Names of one cluster on a server that may carry several. A cluster's name has no `_` and no dot, so no two of them can
 * meet: `_` ends it in buckets and streams, a dot in subjects.
 */
export class Names {
  constructor(private readonly clusterId: string) {}

  /** @param address - of an endpoint. */
  endpointSubject(address: string): string {
    if (address.length > 128 || !DOTTED.test(address)) throw invalidAddress('address', address);
    return `${this.clusterId}.silo.${address}`;
  }

  /** The bucket of a table: a stream that NATS calls `KV_…`, whose subjects are `$KV.….KEY`. */
  bucket(table: string): { readonly stream: string; readonly prefix: string } {
    if (!NAME.test(table)) throw invalidName('name', table);
    const bucket = `${this.clusterId}_${table}`;
    return { stream: `KV_${bucket}`, prefix: `$KV.${bucket}.` };
  }

  stream(name: string): { readonly stream: string; readonly prefix: string } {
    if (!NAME.test(name)) throw invalidName('name', name);
    return { stream: `STREAM_${this.clusterId}_${name}`, prefix: `${this.clusterId}.stream.${name}.` };
  }
}

export function checkKey(key: string): void {
  if (typeof key !== 'string' || key.length > 512 || !KEY.test(key))
    throw GpuBridgeError.invalidArgument(
      'key',
      key,
      '1..512 characters of A-Z a-z 0-9 - _ = / . with no empty part between dots',
    );
}

export function checkSubject(subject: string): void {
  if (typeof subject !== 'string' || subject.length > 128 || !DOTTED.test(subject))
    throw invalidAddress('subject', subject);
}

export function checkConsumer(consumer: string): void {
  if (!NAME.test(consumer)) throw invalidName('options.consumer', consumer);
}

function invalidAddress(field: string, value: string): GpuBridgeError {
  return GpuBridgeError.invalidArgument(
    field,
    value,
    '1..128 characters of A-Z a-z 0-9 - _ . with no empty part between dots',
  );
}

function invalidName(field: string, value: string): GpuBridgeError {
  return GpuBridgeError.invalidArgument(field, value, '1..64 characters of A-Z a-z 0-9 - _');
}
