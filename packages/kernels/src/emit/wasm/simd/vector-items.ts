import type { Items } from '../../../ir/nodes.js';
import type { Frame } from '../frame.js';
import { QUAD, enterVector } from './vector-frame.js';
import { emitVector } from './vector-statements.js';

/** The vector form of an `items` statement, prepared in front of the loops over its ids. */
export interface EmittedVector {
  readonly lanes: number;
  /** Emits it for the current id and its next neighbours in x, as many as there are lanes. */
  readonly emit: () => void;
}

/**
 * Null where the statement is run id by id.
 *
 * @param spillAddress - pushes the address of what the current id keeps of a local.
 */
export function vectorOf(frame: Frame, items: Items, spillAddress: (local: number) => void): EmittedVector | null {
  const form = frame.module.vectors.get(items);
  if (form === undefined) return null;
  const vector = enterVector(frame, form.body, form.parts, spillAddress);
  return {
    lanes: QUAD * form.parts,
    emit: () => {
      emitVector(vector, form.body);
    },
  };
}
