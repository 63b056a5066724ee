import type { DType } from '@gpu-bridge/abstractions';
import type { ArrayRef, CallExpr, CompareOperator, Expr, IrFunction, IrKernel, Loop, Stmt } from '../ir/nodes.js';
import { assignedLocals, blocksOf, expressionsOf, operandsOf, walkStmts } from '../ir/walk.js';
import { directions } from './counting.js';
import { Facts, limitOf, linear, termOf } from './facts.js';
import { intervalOf } from './intervals.js';
import type { Interval } from './intervals.js';
import { leastArgLengths, lengthsOf, reaches, withArgs } from './lengths.js';
import type { Lengths } from './lengths.js';

/**
 * Clears the checks of accesses that are provably inside their arrays: indexes bounded by a condition on a length,
 * counting loops, and values of index columns. With bounds `off` it clears all.
 */
export function elideBoundsChecks(kernel: IrKernel): void {
  if (kernel.bounds === 'off') {
    for (const fn of [kernel.main, ...kernel.helpers]) clearAll(fn);
    return;
  }
  const lengths = lengthsOf(kernel);
  new RangePass(kernel.main, lengths, kernel.workgroup).block(kernel.main.body, Facts.none);
  const least = leastArgLengths(kernel);
  kernel.helpers.forEach((fn, i) => {
    new RangePass(fn, withArgs(lengths, least[i] ?? []), null).block(fn.body, Facts.none);
  });
}

function clearAll(fn: IrFunction): void {
  walkStmts(fn.body, {
    expr: (e) => {
      if (e.op === 'load' || e.op === 'atomic') e.check = false;
    },
    stmt: (s) => {
      if (s.op === 'store') s.check = false;
    },
  });
}

const NEGATED: Readonly<Partial<Record<CompareOperator, CompareOperator>>> = {
  lt: 'ge',
  le: 'gt',
  gt: 'le',
  ge: 'lt',
  eq: 'ne',
  ne: 'eq',
};
const SWAPPED: Readonly<Record<CompareOperator, CompareOperator>> = {
  lt: 'gt',
  le: 'ge',
  gt: 'lt',
  ge: 'le',
  eq: 'eq',
  ne: 'ne',
};
/** No array has more elements: a memory is at most 2^32 bytes. */
const MAX_ELEMENTS = 2 ** 30;
/** Offsets beyond this are not reasoned about, so that a bounded local plus an offset stays below 2^31. */
const MAX_OFFSET = 2 ** 28;

/** Walks one function forwards. A block answers what holds at its end, undefined where its end is not reached. */
class RangePass {
  constructor(
    private readonly fn: IrFunction,
    private readonly lengths: Lengths,
    private readonly workgroup: IrKernel['workgroup'],
  ) {}

  block(stmts: readonly Stmt[], entry: Facts): Facts | undefined {
    let facts: Facts | undefined = entry;
    for (const stmt of stmts) {
      // Code after a jump is not reached; whatever it would be allowed does not matter, but stay careful.
      facts = this.stmt(stmt, facts ?? Facts.none);
      if (facts === undefined && (stmt.op === 'break' || stmt.op === 'continue' || stmt.op === 'return'))
        return undefined;
    }
    return facts;
  }

  private stmt(stmt: Stmt, facts: Facts): Facts | undefined {
    if (stmt.op === 'if') {
      const after = this.expr(stmt.condition, facts);
      const then = this.block(stmt.then, this.assume(after, stmt.condition, true));
      const otherwise = this.block(stmt.else, this.assume(after, stmt.condition, false));
      if (then === undefined || otherwise === undefined) return then ?? otherwise;
      return then.meet(otherwise);
    }
    if (stmt.op === 'loop') return this.loop(stmt, facts);
    let now = facts;
    for (const expr of expressionsOf(stmt)) now = this.expr(expr, now);
    switch (stmt.op) {
      case 'let':
      case 'set':
        return this.assigned(now, stmt.local, stmt.value);
      case 'callInto':
        return now.forget(new Set(stmt.locals));
      case 'store':
        if (this.inside(now, stmt.array, stmt.index) && !hasSequence(stmt.value)) stmt.check = false;
        return now;
      case 'break':
      case 'continue':
      case 'return':
        return undefined;
      default:
        return now;
    }
  }

  private loop(stmt: Loop, entry: Facts): Facts {
    const assigned = assignedLocals([stmt]);
    // A local that every round only counts down keeps its upper bounds, one that only counts up its lower bound:
    // provided that no step wraps, which the first walk finds out.
    const steps = directions(stmt, assigned);
    let kept = entry.keep(
      (local) => !assigned.has(local) || steps.get(local) === 'down',
      (local) => !assigned.has(local) || steps.get(local) === 'up',
    );
    // Dropping what is known about one local can leave the steps of another unproven.
    for (;;) {
      const wrapping = this.wrappingSteps(stmt, kept, steps);
      if (wrapping.size === 0) break;
      kept = kept.forget(wrapping);
      for (const local of wrapping) steps.delete(local);
    }
    this.round(stmt, kept);
    return kept;
  }

  private round(stmt: Loop, kept: Facts): void {
    const { condition } = stmt;
    let start = kept;
    if (condition !== null && stmt.test === 'before') start = this.assume(this.expr(condition, kept), condition, true);
    const end = this.block(stmt.body, start);
    // A continue may come from anywhere in the body, so only what no assignment touched holds in the update.
    const touched = (): Facts => start.forget(assignedLocals(stmt.body));
    this.block(stmt.update, end === undefined || hasContinue(stmt.body) ? touched() : end);
    if (condition !== null && stmt.test === 'after') this.expr(condition, kept.forget(assignedLocals([stmt])));
  }

  /** Locals whose counting steps could wrap, given what would be known if none did. */
  private wrappingSteps(stmt: Loop, kept: Facts, steps: ReadonlyMap<number, 'up' | 'down'>): Set<number> {
    const wrapping = new Set<number>();
    const probe = new RangePass(this.fn, this.lengths, this.workgroup);
    probe.onSet = (local, value, facts) => {
      const step = linear(value);
      if (step === undefined || !steps.has(local)) return;
      if (!probe.exact(facts, step.local, step.offset)) wrapping.add(local);
    };
    probe.dry = true;
    probe.round(stmt, kept);
    return wrapping;
  }

  /** While dry, nothing is cleared. */
  private dry = false;
  private onSet: ((local: number, value: Expr, facts: Facts) => void) | undefined;

  private type(local: number): DType {
    return this.fn.locals[local]?.type ?? 'u32';
  }

  /** Least value of a local: unsigned ones are never negative. */
  private lowerOf(facts: Facts, local: number): number {
    return Math.max(facts.lower(local), this.type(local) === 'u32' ? 0 : -(2 ** 31));
  }

  private interval(facts: Facts, expr: Expr): Interval {
    return intervalOf(expr, { facts, workgroup: this.workgroup });
  }

  /** Whether `local + offset` is computed without wrapping. */
  private exact(facts: Facts, local: number, offset: number): boolean {
    if (offset < 0) return this.lowerOf(facts, local) + offset >= (this.type(local) === 'u32' ? 0 : -(2 ** 31));
    if (offset === 0) return true;
    // A local below a length (plus a little) is far from the end of its type.
    const isSmall = (limit: string): boolean => !limit.startsWith('const:') || Number(limit.slice(6)) <= MAX_ELEMENTS;
    return offset < MAX_OFFSET && facts.uppersOf(local).some((u) => u.offset > -MAX_OFFSET && isSmall(u.limit));
  }

  private assigned(facts: Facts, local: number, value: Expr): Facts {
    this.onSet?.(local, value, facts);
    const forgotten = facts.forget(new Set([local]));
    const type = this.type(local);
    if (type !== 'u32' && type !== 'i32') return forgotten;
    // Facts are those after evaluating; an assignment inside the value could have changed what it read before.
    if (hasSequence(value)) return forgotten;
    let now = within(forgotten, local, 0, type, this.interval(facts, value));
    const source = linear(value);
    if (source !== undefined && this.exact(facts, source.local, source.offset)) {
      for (const upper of facts.uppersOf(source.local))
        now = now.withUpper(local, upper.offset - source.offset, upper.limit);
      return now;
    }
    if (value.op === 'length') return now.withUpper(local, -1, limitOf(value.of));
    const index = this.indexColumn(value);
    // Any read outside the column gives 0, which an inclusive limit allows; an exclusive one needs the proof.
    return index === undefined ? now : now.withUpper(local, index.inclusive ? -1 : 0, index.limit);
  }

  private indexColumn(value: Expr): { limit: string; inclusive: boolean } | undefined {
    if (value.op !== 'load' || value.array.kind !== 'column') return undefined;
    const index = this.lengths.indexes.get(value.array.slot);
    return index !== undefined && (index.inclusive || !value.check) ? index : undefined;
  }

  /** Visits an expression in evaluation order and answers what holds after it. */
  private expr(expr: Expr | CallExpr, facts: Facts): Facts {
    switch (expr.op) {
      case 'sequence': {
        const after = this.block(expr.body, facts) ?? Facts.none;
        return this.expr(expr.value, after);
      }
      case 'logical': {
        const left = this.expr(expr.left, facts);
        const right = this.expr(expr.right, this.assume(left, expr.left, expr.operator === 'and'));
        return left.meet(right);
      }
      case 'conditional': {
        const condition = this.expr(expr.condition, facts);
        const yes = this.expr(expr.whenTrue, this.assume(condition, expr.condition, true));
        return yes.meet(this.expr(expr.whenFalse, this.assume(condition, expr.condition, false)));
      }
      case 'load':
      case 'atomic': {
        let now = this.expr(expr.index, facts);
        const inside = this.inside(now, expr.array, expr.index);
        for (const operand of operandsOf(expr).slice(1)) now = this.expr(operand, now);
        if (inside) this.clear(expr);
        return now;
      }
      default: {
        let now = facts;
        for (const operand of operandsOf(expr)) now = this.expr(operand, now);
        return now;
      }
    }
  }

  private clear(access: { check: boolean }): void {
    if (!this.dry) access.check = false;
  }

  /** Whether the index is proven to be inside the array; the facts are those after evaluating it. */
  private inside(facts: Facts, array: ArrayRef, index: Expr): boolean {
    if (hasSequence(index)) return false;
    return this.isBelow(facts, index, limitOf(array.length));
  }

  private isBelow(facts: Facts, index: Expr, limit: string): boolean {
    const column = this.indexColumn(index);
    if (column !== undefined && !column.inclusive && reaches(this.lengths, column.limit, limit)) return true;
    const { min, max } = this.interval(facts, index);
    if (min >= 0 && reaches(this.lengths, `const:${max + 1}`, limit)) return true;
    const term = linear(index);
    if (term === undefined) return false;
    if (this.lowerOf(facts, term.local) + term.offset < 0) return false;
    return facts.uppersOf(term.local).some((u) => u.offset >= term.offset && reaches(this.lengths, u.limit, limit));
  }

  /** Adds what follows from a condition being true, or false. */
  private assume(facts: Facts, condition: Expr | null, holds: boolean): Facts {
    if (condition === null || hasSequence(condition)) return facts;
    if (condition.op === 'unary' && condition.operator === 'not') return this.assume(facts, condition.value, !holds);
    if (condition.op === 'logical') {
      if ((condition.operator === 'and') !== holds) return facts;
      return this.assume(this.assume(facts, condition.left, holds), condition.right, holds);
    }
    if (condition.op !== 'binary' || !isCompare(condition.operator)) return facts;
    const operator = holds ? condition.operator : NEGATED[condition.operator];
    if (operator === undefined) return facts;
    const once = this.compare(facts, operator, condition.left, condition.right);
    return this.compare(once, SWAPPED[operator], condition.right, condition.left);
  }

  /** Facts about `left` from `left operator right`. */
  private compare(facts: Facts, operator: CompareOperator, left: Expr, right: Expr): Facts {
    const term = linear(left);
    if (term === undefined) return facts;
    const { local, offset } = term;
    // A sum that wraps is small, so `i + 1 < n` alone does not bound i.
    if (!this.exact(facts, local, offset)) return facts;
    return this.bySymbols(this.byNumbers(facts, operator, local, offset, right), operator, local, offset, right);
  }

  /** Facts about a local from `local + offset operator right`, by what numbers the right side can be. */
  private byNumbers(facts: Facts, operator: CompareOperator, local: number, offset: number, right: Expr): Facts {
    const { min, max } = this.interval(facts, right);
    const bounded = (from: number, to: number): Facts =>
      within(facts, local, offset, right.type, { min: from, max: to });
    if (operator === 'gt') return bounded(min + 1, Infinity);
    if (operator === 'ge') return bounded(min, Infinity);
    if (operator === 'lt') return bounded(-Infinity, max - 1);
    if (operator === 'le') return bounded(-Infinity, max);
    if (operator === 'eq') return bounded(min, max);
    return min === max && this.lowerOf(facts, local) + offset === min ? bounded(min + 1, Infinity) : facts;
  }

  /** The same, by what is known about the right side in terms of lengths and other locals. */
  private bySymbols(facts: Facts, operator: CompareOperator, local: number, offset: number, right: Expr): Facts {
    const term = termOf(right);
    if (term !== undefined && offset === 0 && (operator === 'ge' || operator === 'gt' || operator === 'eq'))
      return facts.withOrder(term, local);
    const strict = operator === 'lt' ? 0 : operator === 'le' || operator === 'eq' ? -1 : undefined;
    if (strict === undefined) return facts;
    const below = (extra: number, limit: string): Facts => facts.withUpper(local, offset + strict + extra, limit);
    if (right.op === 'length') return below(0, limitOf(right.of));
    const other = linear(right);
    if (other === undefined || !this.exact(facts, other.local, other.offset)) return facts;
    let now = facts;
    // left < right + c and right + d < limit give left + (d - c) + 1 < limit.
    for (const upper of facts.uppersOf(other.local)) {
      now = now.withUpper(local, offset + strict + upper.offset - other.offset + 1, upper.limit);
    }
    return now;
  }
}

/** Adds that `local + offset` is in the interval, where that says more than its type. */
function within(facts: Facts, local: number, offset: number, type: DType, { min, max }: Interval): Facts {
  const least = type === 'u32' ? 0 : -(2 ** 31);
  const most = type === 'u32' ? 2 ** 32 - 1 : 2 ** 31 - 1;
  const above = min > least ? facts.withLower(local, min - offset) : facts;
  return max < most ? above.withUpper(local, offset, `const:${max + 1}`) : above;
}

function isCompare(operator: string): operator is CompareOperator {
  return operator in SWAPPED;
}

function hasContinue(stmts: readonly Stmt[]): boolean {
  return stmts.some((s) => s.op === 'continue' || (s.op !== 'loop' && blocksOf(s).some(hasContinue)));
}

function hasSequence(expr: Expr): boolean {
  let found = false;
  walkStmts([{ op: 'do', value: expr, at: 0 }], {
    expr: (e) => {
      found ||= e.op === 'sequence';
    },
  });
  return found;
}
