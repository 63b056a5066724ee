import type { Place } from './place.js';
import { any, sizeOfValue } from './values.js';
import type { Mask, VStmt } from './vector-form.js';

/** Code up to this weight is cheaper run for no lane than branched around. */
const CHEAP_WEIGHT = 12;
/** A load of neighbouring elements, under a mask. */
const UNIT_LOAD_WEIGHT = 6;

/**
 * Puts code for the lanes of a mask at a place, behind a test whether there is any, unless it is so cheap that a branch
 * would cost more. Code of a place may otherwise rely on having a lane: loops end, and a uniform index of unchecked
 * accesses is inside.
 */
export function pushGuarded(place: Place, mask: Mask, code: readonly VStmt[]): void {
  if (mask === null || weigh(code) <= CHEAP_WEIGHT) place.out.push(...code);
  else place.out.push({ op: 'if', condition: any(mask), then: code, else: [] });
}

function weigh(code: readonly VStmt[]): number {
  let weight = 0;
  for (const stmt of code) {
    if (stmt.op === 'set' || stmt.op === 'setGroup') weight += sizeOfValue(stmt.value);
    else if (stmt.op === 'load' && stmt.access === 'unit') weight += UNIT_LOAD_WEIGHT;
    else if (stmt.op === 'loadItem') weight += 1;
    else return Infinity;
  }
  return weight;
}
