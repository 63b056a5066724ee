import type { GrainId, GrainOptions } from '@gpu-bridge/abstractions';
import type { PlacedClass } from '../placement/placement-resolver.js';

/** What a caller has to know of a grain type: from its own class, or from the type that it was given and the silos that host it. */
export interface RoutedType extends PlacedClass, Pick<GrainOptions, 'idempotent' | 'remoteForms'> {
  /** One activation per key in the cluster; else a stateless worker. */
  readonly keyed: boolean;
}

/** Whether a method may run twice. */
export function isIdempotent({ idempotent }: RoutedType, method: string): boolean {
  return idempotent === 'all' || (idempotent?.includes(method) ?? false);
}

export function nameOf({ type, key }: GrainId): string {
  return `${type}/${key}`;
}

/** The silo of an address, `${siloId}.${generation}`. */
export function siloIdOf(address: string): string {
  return address.slice(0, address.lastIndexOf('.'));
}
