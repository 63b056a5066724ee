import type { Items } from '../../../ir/nodes.js';
import type { Frame } from '../frame.js';
import { emitVector } from './vector-statements.js';
import { enterVector } from './vector-frame.js';

/** How many ids the vector form of an `items` statement takes at once. */
export { LANES } from './vector-frame.js';

/** Emits the vector form for the current id and its next neighbours in x. */
export type EmitVector = () => void;

/**
 * Prepares the vector form of an `items` statement, in front of the loops over its ids; null where it has none.
 *
 * @param spillAddress - pushes the address of what the current id keeps of a local.
 */
export function vectorOf(frame: Frame, items: Items, spillAddress: (local: number) => void): EmitVector | null {
  const body = frame.module.vectors.get(items);
  if (body === undefined) return null;
  const vector = enterVector(frame, body, spillAddress);
  return () => {
    emitVector(vector, body);
  };
}
