import type { ArrayRef, CallExpr, IrFunction } from '../../ir/nodes.js';
import { closeBlock } from './blocks.js';
import type { Instance } from './instance.js';
import { resultKey } from './instance.js';
import { lowerInOrder, readVariable, resolveArray } from './lower-expression.js';
import { assign, lowerBlock } from './lower-statement.js';
import type { Place, Round, Scope } from './place.js';
import { ALL_LANES } from './values.js';
import type { Mask, VExpr, VStmt } from './vector-form.js';

/** Puts a helper's body in place of a call; answers its results. */
export function lowerCall(place: Place, call: CallExpr): readonly VExpr[] {
  const { scope } = place;
  const fn = scope.round.kernel.helpers[call.helper];
  if (fn === undefined) throw new Error(`no helper ${call.helper}`);
  const scalars = lowerInOrder(
    place,
    call.args.flatMap((arg) => (arg.kind === 'scalar' ? [arg.value] : [])),
  );
  const arrays = call.args.map((arg) => (arg.kind === 'array' ? resolveArray(place, arg.array) : undefined));
  const inner = enterBody(scope.round, scope.instance.called(call, fn), fn, place.mask, arrays);
  const values = scalars.values();
  for (const arg of fn.args) {
    const value = arg.kind === 'scalar' ? values.next().value : undefined;
    if (arg.kind === 'scalar' && value !== undefined) assign(inner, arg.local, value, false);
  }
  lowerBlock(inner, inner.scope.instance.body);
  closeBlock(place.out, inner.scope.exit, inner.out);
  return fn.results.map((type, i) => readVariable(inner, resultKey(i), type));
}

/** The start of a body that runs for the lanes of a mask. @param arrays - null for the kernel's own body. */
export function enterBody(
  round: Round,
  instance: Instance,
  fn: IrFunction,
  mask: Mask,
  arrays: readonly (ArrayRef | undefined)[] | null,
): Place {
  const out: VStmt[] = [];
  const running = instance.returnsApart ? round.newVar('bool', true, 'running') : null;
  if (running !== null) out.push({ op: 'set', id: running.id, value: mask ?? ALL_LANES });
  const scope: Scope = {
    round,
    instance,
    fn,
    isMain: arrays === null,
    arrays: arrays ?? [],
    vars: new Map(),
    running,
    exit: round.newLabel(),
    returned: false,
  };
  const preserve = instance.returnsApart ? instance.liveAtEnd : new Set<number>();
  return { scope, out, mask, preserve, loops: [], parted: false, partedInBody: false };
}
