import type { DType } from '@gpu-bridge/abstractions';
import type { ArrayRef, CallExpr, IrFunction, IrKernel, Loop, Stmt } from '../../ir/nodes.js';
import type { LocalHome } from '../../ir/cpu-form.js';
import { walkStmts } from '../../ir/walk.js';
import type { Instance } from './instance.js';
import type { Mask, VExpr, VStmt, VectorVar } from './vector-form.js';
import { variable } from './values.js';

/** Parts of the lowering that call each other in a circle. */
export interface Parts {
  readonly statement: (place: Place, stmt: Stmt) => void;
  readonly call: (place: Place, call: CallExpr) => readonly VExpr[];
}

/** One pass of the lowering over a kernel's items. */
export class Round {
  readonly vars: VectorVar[] = [];
  /** Some expression of the kernel assigns to locals on its way. */
  readonly hasSequences: boolean;
  /** Something was found that earlier code of this round did not know. */
  changed = false;
  private labels = 0;

  constructor(
    readonly kernel: IrKernel,
    /** Of the locals of the kernel's body. */
    readonly homes: readonly LocalHome[],
    readonly parts: Parts,
  ) {
    this.hasSequences = [kernel.main, ...kernel.helpers].some(({ body }) => hasSequence(body));
  }

  newVar(type: DType, varying: boolean, name: string): VExpr & { op: 'var' } {
    this.vars.push({ type, varying, name });
    return variable(type, varying, this.vars.length - 1);
  }

  newLabel(): number {
    return this.labels++;
  }

  note(isNews: boolean): void {
    this.changed ||= isNews;
  }
}

function hasSequence(body: readonly Stmt[]): boolean {
  let found = false;
  walkStmts(body, { expr: (e) => (found ||= e.op === 'sequence') });
  return found;
}

/** A body in the course of being lowered. */
export interface Scope {
  readonly round: Round;
  readonly instance: Instance;
  readonly fn: IrFunction;
  /** Locals of the group are those of the kernel's body that are set outside the items; helpers have none. */
  readonly isMain: boolean;
  /** The helper's array arguments, resolved; by argument. */
  readonly arrays: readonly (ArrayRef | undefined)[];
  /** Variables of locals and results, by local or result key. */
  readonly vars: Map<number, VExpr & { op: 'var' }>;
  /** Lanes that have not returned; null unless some return before others. */
  readonly running: (VExpr & { op: 'var' }) | null;
  /** Behind the body. */
  readonly exit: number;
  /** A masked return came before, so results of some lanes are there already. */
  returned: boolean;
}

export interface LoopScope {
  readonly loop: Loop;
  /** Lanes still in the loop; null if all leave it together. */
  readonly live: (VExpr & { op: 'var' }) | null;
  /** Lanes still in this round; `live` itself, unless some lanes skip the rest of rounds. */
  readonly active: (VExpr & { op: 'var' }) | null;
  readonly onBreak: number;
  readonly onContinue: number;
}

/** Where code is put, and for which lanes. */
export interface Place {
  readonly scope: Scope;
  readonly out: VStmt[];
  mask: Mask;
  /** Locals whose values in lanes outside the mask are still read. */
  readonly preserve: ReadonlySet<number>;
  /** Innermost last. */
  readonly loops: readonly LoopScope[];
  /** A condition that varies stands between here and the innermost loop, or the body if there is none. */
  readonly parted: boolean;
  /** The same between here and the body, or a loop that lanes leave one by one. */
  readonly partedInBody: boolean;
}

export function set(place: Place, target: VExpr & { op: 'var' }, value: VExpr): void {
  place.out.push({ op: 'set', id: target.id, value });
}

/** The value in a variable of its own, so that it may be used twice or after its operands change. */
export function keep(place: Place, value: VExpr, name: string): VExpr & { op: 'var' } {
  const kept = place.scope.round.newVar(value.type, value.varying, name);
  set(place, kept, value);
  return kept;
}
