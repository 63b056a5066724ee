import type { KernelName, Workload } from '../workloads.js';

/** What a peer sees of a workload. */
export type PeerWorkload = Pick<Workload, 'name' | 'columns' | 'expected' | 'looseTolerance'>;
type PeerWorkloads = Readonly<Record<KernelName, PeerWorkload>>;

/** The result columns that the peer has, as arrays that JavaScript can read. */
export type PeerResults = Readonly<Record<string, ArrayLike<number>>>;

/** One kernel in the way of one package; the inputs are where the package wants them, the results are copied out. */
export interface PeerForm {
  readonly kernel: KernelName;
  readonly name: string;
  readonly threads: 1 | 2;
  run(): PeerResults | Promise<PeerResults>;
}

/** @param requirePeer - finds packages in `bench/peers`, which has its own installation. */
export type LoadPeer = (workloads: PeerWorkloads, requirePeer: NodeJS.Require) => Promise<PeerForm[]>;

/** A column in ordinary memory: packages may not take views of shared memory. */
export function floats({ columns }: PeerWorkload, name: string): Float32Array<ArrayBuffer> {
  return Float32Array.from(columns[name]!);
}
