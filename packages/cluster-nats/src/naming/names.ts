import { checkClusterAddress, checkClusterName } from '@gpu-bridge/abstractions';

/** What the servers call a table or a stream: their stream, and what the subjects of its entries begin with. */
export interface Place {
  readonly stream: string;
  readonly prefix: string;
}

/**
 * Names of one cluster on servers that may carry several. A cluster's name has no `_` and no dot, so no two of them can
 * meet: `_` ends it in buckets and streams, a dot in subjects.
 */
export class Names {
  constructor(private readonly clusterId: string) {}

  endpointSubject(address: string): string {
    checkClusterAddress(address);
    return `${this.clusterId}.silo.${address}`;
  }

  /** The bucket of a table: a stream that NATS calls `KV_…`, with subjects `$KV.….KEY`. */
  bucket(table: string): Place {
    checkClusterName(table, 'name');
    const bucket = `${this.clusterId}_${table}`;
    return { stream: `KV_${bucket}`, prefix: `$KV.${bucket}.` };
  }

  stream(name: string): Place {
    checkClusterName(name, 'name');
    return { stream: `STREAM_${this.clusterId}_${name}`, prefix: `${this.clusterId}.stream.${name}.` };
  }
}
