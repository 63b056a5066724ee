import { isWide } from '@gpu-bridge/abstractions';
import type { CpuForm } from '../../../ir/cpu-form.js';
import type { Items } from '../../../ir/nodes.js';
import { walkStmts } from '../../../ir/walk.js';
import { costOf, isWorthwhile } from '../../../passes/vectorize/cost.js';
import { vectorRefusal } from '../../../passes/vectorize/eligibility.js';
import type { VectorBody } from '../../../passes/vectorize/vector-form.js';
import { vectorize } from '../../../passes/vectorize/vectorize.js';
import { walkVector } from '../../../passes/vectorize/walk-vector.js';
import type { Vectors } from '../frame.js';
import { QUAD } from './vector-frame.js';

/** The vector forms of a kernel's `items` statements, or why WebAssembly has none. */
export type SimdForm = { readonly vectors: Vectors; readonly isWorthwhile: boolean } | { readonly refused: string };

export function simdFormOf(form: CpuForm): SimdForm {
  const { kernel } = form;
  const refused = vectorRefusal(kernel);
  if (refused !== null) return { refused };
  const row = kernel.workgroup === null ? Infinity : kernel.workgroup[0];
  if (row < QUAD) return { refused: `its workgroups have fewer than ${QUAD} ids side by side` };
  const bodies = new Map<Items, VectorBody>();
  walkStmts(kernel.main.body, {
    stmt: (s) => {
      if (s.op === 'items') bodies.set(s, vectorize(form, s));
    },
  });
  if ([...bodies.values()].some(hasWideLanes)) return { refused: 'it has values of 64 bits that differ between ids' };
  const vectors: Vectors = new Map(
    [...bodies].map(([items, body]) => [items, { body, parts: row >= 2 * QUAD && isShort(body) ? 2 : 1 }]),
  );
  return { vectors, isWorthwhile: isWorthwhile(bodies.values(), QUAD) };
}

/** Vectors of a straight body up to this cost are taken by twos. */
const SHORT_COST = 32;

/** Whether a round does so little that its checks and its loop weigh; two vectors of longer ones only lack registers. */
function isShort(body: VectorBody): boolean {
  let hasLoop = false;
  walkVector(body.body, {
    stmt: (s) => {
      hasLoop ||= s.op === 'loop';
    },
  });
  return !hasLoop && costOf(body, QUAD).vector <= SHORT_COST;
}

/** Four lanes of 32 bits fill a vector; 64-bit values would need two for each. */
function hasWideLanes({ vars, body }: VectorBody): boolean {
  let found =
    vars.some(({ type, varying }) => varying && isWide(type)) || vars.some((v) => v.varying && v.type === 'f64');
  walkVector(body, {
    expr: (e) => {
      found ||= e.varying && (isWide(e.type) || e.type === 'f64');
    },
    stmt: (s) => {
      if (s.op === 'atomic') found ||= isWide(s.array.dtype);
    },
  });
  return found;
}
