import type { DType } from '@gpu-bridge/abstractions';
import type { ArrayRef, CallExpr, CompareOperator, Expr, IrFunction, IrKernel, Loop, Stmt } from '../ir/nodes.js';
import { assignedLocals, blocksOf, expressionsOf, walkStmts } from '../ir/walk.js';
import { planOf } from '../emit/plan.js';
import { Facts, limitOf, linear } from './facts.js';

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
  new RangePass(kernel.main, lengths).block(kernel.main.body, Facts.none);
  const least = leastArgLengths(kernel);
  kernel.helpers.forEach((fn, i) => {
    new RangePass(fn, withArgs(lengths, least[i] ?? [])).block(fn.body, Facts.none);
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

/** What declarations say about lengths and values. */
interface Lengths {
  /** Other limits that a limit does not exceed: a list's length and that of scratch sized by it. */
  readonly within: ReadonlyMap<string, readonly string[]>;
  /** Slots of index columns: their values are below the limit, or `inclusive` at most equal to it. */
  readonly indexes: ReadonlyMap<number, { readonly limit: string; readonly inclusive: boolean }>;
}

function lengthsOf(kernel: IrKernel): Lengths {
  const plan = planOf(kernel);
  const within = new Map<string, string[]>();
  for (const { slot, bound } of plan.scratches) {
    const list = bound.offsets === null ? undefined : `list:${bound.offsets}`;
    // a * length + b with a ≥ 1 is at least the list's length.
    if (list !== undefined && bound.a >= 1) within.set(list, [...(within.get(list) ?? []), `scratch:${slot}`]);
    // Whatever the list, there are at least b elements.
    if (bound.b > 0) within.set(`const:${bound.b}`, [...(within.get(`const:${bound.b}`) ?? []), `scratch:${slot}`]);
  }
  const indexes = new Map<number, { limit: string; inclusive: boolean }>();
  plan.slots.forEach((slot, i) => {
    const param = kernel.params[slot.param];
    if (param?.role !== 'input' || param.indexes === undefined) return;
    const target = plan.slots.findIndex((s) => s.param === param.indexes);
    indexes.set(i, { limit: `column:${target}`, inclusive: param.inclusive ?? false });
  });
  return { within, indexes };
}

/** Per helper and argument: how many elements an array given there has at least, whoever calls. */
function leastArgLengths(kernel: IrKernel): readonly (readonly number[])[] {
  const scratches = new Map(planOf(kernel).scratches.map(({ slot, bound }) => [slot, bound.b]));
  const least = kernel.helpers.map((fn) => fn.args.map(() => Infinity));
  const visit = (fn: IrFunction, own: readonly number[]): void => {
    walkStmts(fn.body, {
      expr: (e) => {
        if (e.op !== 'call') return;
        e.args.forEach((arg, i) => {
          if (arg.kind !== 'array') return;
          const { array } = arg;
          const known =
            array.kind === 'arg' ? own[array.arg] : array.kind === 'scratch' ? scratches.get(array.slot) : 0;
          const lengths = least[e.helper];
          if (lengths !== undefined) lengths[i] = Math.min(lengths[i] ?? 0, known ?? 0);
        });
      },
    });
  };
  visit(kernel.main, []);
  // A helper stands after those it calls: backwards, all callers of a helper come before it.
  for (let i = kernel.helpers.length - 1; i >= 0; i--) {
    const fn = kernel.helpers[i];
    if (fn !== undefined) visit(fn, least[i] ?? []);
  }
  return least;
}

function withArgs(lengths: Lengths, least: readonly number[]): Lengths {
  const within = new Map(lengths.within);
  least.forEach((elements, arg) => {
    if (elements === 0 || elements === Infinity) return;
    const key = `const:${elements}`;
    within.set(key, [...(within.get(key) ?? []), `arg:${arg}`]);
  });
  return { ...lengths, within };
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
    const probe = new RangePass(this.fn, this.lengths);
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
    if (value.op === 'literal' && typeof value.value === 'number') {
      return forgotten.withLower(local, value.value).withUpper(local, 0, `const:${value.value + 1}`);
    }
    let now = forgotten;
    const mask = lowBits(value);
    if (mask !== undefined) return now.withLower(local, 0).withUpper(local, 0, `const:${mask + 1}`);
    const source = linear(value);
    if (source !== undefined && this.exact(facts, source.local, source.offset)) {
      for (const upper of facts.uppersOf(source.local))
        now = now.withUpper(local, upper.offset - source.offset, upper.limit);
      const lower = this.lowerOf(facts, source.local) + source.offset;
      if (lower > -(2 ** 31)) now = now.withLower(local, lower);
      return now;
    }
    if (value.op === 'length') return now.withUpper(local, -1, limitOf(value.of)).withLower(local, 0);
    const index = this.indexColumn(value);
    // Any read outside the column gives 0, which an inclusive limit allows; an exclusive one needs the proof.
    if (index !== undefined) return now.withUpper(local, index.inclusive ? -1 : 0, index.limit).withLower(local, 0);
    return now;
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
        if (expr.op === 'atomic' && expr.value !== null) now = this.expr(expr.value, now);
        if (inside) this.clear(expr);
        return now;
      }
      case 'binary':
        return this.expr(expr.right, this.expr(expr.left, facts));
      case 'select':
        return this.expr(expr.whenFalse, this.expr(expr.whenTrue, this.expr(expr.condition, facts)));
      case 'unary':
      case 'cast':
      case 'bitcast':
        return this.expr(expr.value, facts);
      case 'call': {
        let now = facts;
        for (const arg of expr.args) if (arg.kind === 'scalar') now = this.expr(arg.value, now);
        return now;
      }
      default:
        return facts;
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
    if (column !== undefined && !column.inclusive && this.reaches(column.limit, limit)) return true;
    if (index.op === 'literal') {
      const { value } = index;
      return typeof value === 'number' && value >= 0 && this.reaches(`const:${value + 1}`, limit);
    }
    const mask = lowBits(index);
    if (mask !== undefined && this.reaches(`const:${mask + 1}`, limit)) return true;
    const term = linear(index);
    if (term === undefined) return false;
    if (this.lowerOf(facts, term.local) + term.offset < 0) return false;
    return facts.uppersOf(term.local).some((u) => u.offset >= term.offset && this.reaches(u.limit, limit));
  }

  /** Whether being below `known` implies being below `wanted`. */
  private reaches(known: string, wanted: string): boolean {
    if (known === wanted) return true;
    if ((this.lengths.within.get(known) ?? []).includes(wanted)) return true;
    if (!known.startsWith('const:')) return false;
    const value = Number(known.slice(6));
    for (const [limit, wider] of this.lengths.within) {
      if (limit.startsWith('const:') && value <= Number(limit.slice(6)) && wider.includes(wanted)) return true;
    }
    return false;
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
    const exact = this.exact(facts, local, offset);
    if (right.op === 'literal' && typeof right.value === 'number' && exact) {
      const { value } = right;
      if (operator === 'gt') return facts.withLower(local, value + 1 - offset);
      if (operator === 'ge' || operator === 'eq') return facts.withLower(local, value - offset);
      if (operator === 'lt') return facts.withUpper(local, offset, `const:${value}`);
      if (operator === 'ne' && this.lowerOf(facts, local) + offset === value)
        return facts.withLower(local, value + 1 - offset);
      return facts;
    }
    const strict = operator === 'lt' ? 0 : operator === 'le' || operator === 'eq' ? -1 : undefined;
    if (strict === undefined) return facts;
    // A sum that wraps is small, so `i + 1 < n` alone does not bound i.
    if (!exact) return facts;
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

/** The mask of `x & mask`, where it is a literal that makes any x an index from 0 to the mask. */
function lowBits(expr: Expr): number | undefined {
  if (expr.op !== 'binary' || expr.operator !== 'and') return undefined;
  const literal = expr.right.op === 'literal' ? expr.right : expr.left;
  return literal.op === 'literal' && typeof literal.value === 'number' && literal.value >= 0
    ? literal.value
    : undefined;
}

function isCompare(operator: string): operator is CompareOperator {
  return operator in SWAPPED;
}

/** Locals that a loop changes only by counting, and in which direction. */
function directions(stmt: Loop, assigned: ReadonlySet<number>): Map<number, 'up' | 'down'> {
  const found = new Map<number, 'up' | 'down' | 'mixed'>();
  walkStmts([stmt], {
    stmt: (s) => {
      if (s.op !== 'let' && s.op !== 'set') return;
      const step = linear(s.value);
      const direction =
        s.op === 'set' && step?.local === s.local && step.offset !== 0 ? (step.offset > 0 ? 'up' : 'down') : 'mixed';
      found.set(s.local, (found.get(s.local) ?? direction) === direction ? direction : 'mixed');
    },
  });
  return new Map([...found].filter((e): e is [number, 'up' | 'down'] => e[1] !== 'mixed' && assigned.has(e[0])));
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
