import { isWide } from '@gpu-bridge/abstractions';
import type { CpuForm } from '../../../ir/cpu-form.js';
import type { Items } from '../../../ir/nodes.js';
import { walkStmts } from '../../../ir/walk.js';
import { isWorthwhile } from '../../../passes/vectorize/cost.js';
import { vectorRefusal } from '../../../passes/vectorize/eligibility.js';
import type { VectorBody } from '../../../passes/vectorize/vector-form.js';
import { vectorize } from '../../../passes/vectorize/vectorize.js';
import { walkVector } from '../../../passes/vectorize/walk-vector.js';
import { LANES } from './vector-frame.js';

/** The vector forms of a kernel's `items` statements, or why WebAssembly has none. */
export type SimdForm =
  { readonly vectors: ReadonlyMap<Items, VectorBody>; readonly isWorthwhile: boolean } | { readonly refused: string };

export function simdFormOf(form: CpuForm): SimdForm {
  const { kernel } = form;
  const refused = vectorRefusal(kernel);
  if (refused !== null) return { refused };
  if (kernel.workgroup !== null && kernel.workgroup[0] < LANES)
    return { refused: `its workgroups have fewer than ${LANES} ids side by side` };
  const vectors = new Map<Items, VectorBody>();
  walkStmts(kernel.main.body, {
    stmt: (s) => {
      if (s.op === 'items') vectors.set(s, vectorize(form, s));
    },
  });
  if ([...vectors.values()].some(hasWideLanes)) return { refused: 'it has values of 64 bits that differ between ids' };
  return { vectors, isWorthwhile: isWorthwhile(vectors.values(), LANES) };
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
