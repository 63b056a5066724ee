import { argumentLayout, isWide } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import type { AtomicExpr, IrKernel } from '../../ir/nodes.js';
import { walkStmts } from '../../ir/walk.js';
import type { PrivateCopy } from '../../ir/cpu-form.js';

/** Larger arrays are updated in place: clearing and adding up a copy would cost more than it saves. */
const PRIVATE_ELEMENTS = 4096;

type Merged = Omit<PrivateCopy, 'offset'>;

/**
 * Atomic parameters that a run may update in a copy of its own: integers, one operator whose order does not matter, and
 * no result used. Contended atomics are slower with two threads than with one, so this is what lets them scale.
 */
export function privatised(kernel: IrKernel): ReadonlyMap<number, Merged> {
  const atomics = new Map<number, { operators: Set<AtomicExpr['operator']>; dtype: DType }>();
  const refused = new Set<number>();
  const unused = new Set<unknown>();
  argumentLayout(kernel.params).slots.forEach(({ param, dtype }, slot) => {
    if (kernel.params[param]?.role === 'atomic') atomics.set(slot, { operators: new Set(), dtype });
  });
  if (atomics.size === 0) return new Map();
  walkStmts(kernel.main.body, {
    // A statement is visited before the expression it evaluates.
    stmt: (s) => {
      if (s.op === 'do') unused.add(s.value);
    },
    expr: (e) => {
      if (e.op === 'call') {
        for (const arg of e.args) if (arg.kind === 'array' && arg.array.kind === 'column') refused.add(arg.array.slot);
      }
      if (e.op !== 'atomic' || e.array.kind !== 'column') return;
      atomics.get(e.array.slot)?.operators.add(e.operator);
      if (!unused.has(e)) refused.add(e.array.slot);
    },
  });
  const found = new Map<number, Merged>();
  for (const [slot, { operators, dtype }] of atomics) {
    const [operator] = operators;
    if (refused.has(slot) || operators.size !== 1 || operator === undefined || !isMergeable(operator)) continue;
    if (dtype === 'f32') continue;
    found.set(slot, { elements: PRIVATE_ELEMENTS, operator, identity: identityOf(operator, dtype) });
  }
  return found;
}

function isMergeable(operator: AtomicExpr['operator']): operator is PrivateCopy['operator'] {
  return operator !== 'load' && operator !== 'store' && operator !== 'exchange' && operator !== 'compareExchange';
}

/** The value that changes nothing. */
function identityOf(operator: PrivateCopy['operator'], dtype: DType): number | bigint {
  const bits = isWide(dtype) ? 64n : 32n;
  const isSigned = dtype === 'i32' || dtype === 'i64';
  const most = isSigned ? 2n ** (bits - 1n) - 1n : 2n ** bits - 1n;
  const least = isSigned ? -(2n ** (bits - 1n)) : 0n;
  const value = (): bigint => {
    if (operator === 'min') return most;
    if (operator === 'max') return least;
    if (operator === 'and') return isSigned ? -1n : most;
    return 0n;
  };
  return isWide(dtype) ? value() : Number(value());
}
