import type { CpuForm } from '../../../ir/cpu-form.js';
import type { Items } from '../../../ir/nodes.js';
import { walkStmts } from '../../../ir/walk.js';
import { isWorthwhile } from '../../../passes/vectorize/cost.js';
import { vectorRefusal } from '../../../passes/vectorize/eligibility.js';
import type { VectorBody } from '../../../passes/vectorize/vector-form.js';
import { vectorize } from '../../../passes/vectorize/vectorize.js';
import { WIDTH } from './vector-printer.js';
import type { Vectors } from './vector-printer.js';

/**
 * The estimate counts for compilers that do little themselves. C++ compilers schedule scalar code so well that kernels
 * whose lanes spend their time one by one (a histogram) are faster without vectors.
 */
const MARGIN = 1.5;

/** The vector forms that C++ prints of a kernel and whether they promise to be faster; or why there are none. */
export function spmdFormOf(
  form: CpuForm,
): { readonly vectors: Vectors; readonly isWorthwhile: boolean } | { readonly refused: string } {
  const { kernel } = form;
  const refused = vectorRefusal(kernel);
  if (refused !== null) return { refused };
  if (kernel.workgroup !== null && kernel.workgroup[0] < WIDTH)
    return { refused: `its workgroups have fewer than ${WIDTH} ids side by side` };
  const vectors = new Map<Items, VectorBody>();
  walkStmts(kernel.main.body, {
    stmt: (s) => {
      if (s.op === 'items') vectors.set(s, vectorize(form, s));
    },
  });
  return { vectors, isWorthwhile: isWorthwhile(vectors.values(), WIDTH, MARGIN) };
}
