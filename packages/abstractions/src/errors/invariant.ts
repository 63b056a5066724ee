/** A broken promise of our own code. Never caught, never part of the API. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation';
}

/** States what must hold: `invariant(n <= slots, 'outstanding ≤ slots')`. */
export function invariant(condition: boolean, statement: string): asserts condition {
  if (!condition) throw new InvariantViolation(`invariant broken: ${statement}`);
}
