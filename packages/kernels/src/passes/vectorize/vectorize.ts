import type { DType } from '@gpu-bridge/abstractions';
import type { CpuForm } from '../../ir/cpu-form.js';
import type { Items } from '../../ir/nodes.js';
import { closeBlock } from './blocks.js';
import { Instance } from './instance.js';
import { enterBody, lowerCall } from './lower-call.js';
import { readVariable, variableOf } from './lower-expression.js';
import { lowerBlock, lowerStatement } from './lower-statement.js';
import { Round } from './place.js';
import { spread } from './values.js';
import type { VStmt, VectorBody } from './vector-form.js';

/**
 * The vector form of the body of an `items` statement. The kernel must have one: see `vectorRefusal`.
 *
 * Each round believes what earlier ones found about shapes and diverging control flow, and finds more; what is found
 * only grows, so rounds come to an end, and the last one, which found nothing, is right.
 */
export function vectorize({ kernel, homes }: CpuForm, items: Items): VectorBody {
  const instance = new Instance(kernel.main, items.body, new Set(items.stores));
  const typeOf = (local: number): DType => kernel.main.locals[local]?.type ?? 'u32';
  for (;;) {
    const round = new Round(kernel, homes, { statement: lowerStatement, call: lowerCall });
    const place = enterBody(round, instance, kernel.main, null, null);
    for (const local of items.loads) {
      round.note(instance.join(local, 'varying'));
      place.out.push({ op: 'loadSpill', id: variableOf(place, local, typeOf(local)).id, local });
    }
    lowerBlock(place, instance.body);
    const body: VStmt[] = [];
    closeBlock(body, place.scope.exit, place.out);
    for (const local of items.stores)
      body.push({ op: 'storeSpill', local, value: spread(readVariable(place, local, typeOf(local))) });
    if (!round.changed) return { vars: round.vars, body };
  }
}
