import type { Expr, IrFunction, IrKernel, IrLocal, Items, Loop, Stmt } from '../../ir/nodes.js';
import { assignedLocals, blocksOf, walkStmts } from '../../ir/walk.js';
import { isForGroup, localsIn, localsRead } from './group-level.js';
import type { GroupLevel } from './group-level.js';

export interface Fissioned {
  /** Code of the group, with `items` that neither take nor keep anything yet. */
  readonly body: readonly Stmt[];
  /** Those of the function and the ones made here. */
  readonly locals: readonly IrLocal[];
  readonly groupLocals: ReadonlySet<number>;
}

/**
 * Splits a body at its barriers: what ids do between two of them becomes an `items` statement, and what the group does
 * together stays outside.
 */
export function fission(kernel: IrKernel, level: GroupLevel): Fissioned {
  const pass = new Fission(kernel, kernel.main, level);
  const body = pass.block(kernel.main.body, OUTERMOST);
  return { body, locals: pass.locals, groupLocals: pass.groupLocals };
}

export function itemsOf(body: readonly Stmt[]): Items {
  return { op: 'items', below: null, loads: [], stores: [], body, at: body[0]?.at ?? 0 };
}

/** What ids still meet after the block at hand, so that an id that jumped out of it must be told to skip it. */
interface Place {
  readonly inLoop: boolean;
  /** Statements of ids follow in this round, after the ifs of the group around the block. */
  readonly moreInRound: boolean;
  /** Statements of ids follow before the body ends, likewise. */
  readonly moreInBody: boolean;
}
const OUTERMOST: Place = { inLoop: false, moreInRound: false, moreInBody: false };

/** Statements of one block: done ones, and those that ids will do together in the next `items`. */
class Run {
  readonly out: Stmt[] = [];
  private pending: Stmt[] = [];

  ofItems(stmt: Stmt): void {
    this.pending.push(stmt);
  }

  flush(): void {
    if (this.pending.length > 0) this.out.push(itemsOf(this.pending));
    this.pending = [];
  }

  /** After everything the ids do before. */
  ofGroup(stmt: Stmt): void {
    this.flush();
    this.out.push(stmt);
  }

  /** A set of group locals, which goes before what ids are yet to do unless they can tell. */
  setOfGroup(stmt: Stmt): void {
    const written = assignedLocals([stmt]);
    const read = localsRead(stmt);
    const pendingSets = assignedLocals(this.pending);
    const conflict =
      [...written].some((local) => this.reads(local) || pendingSets.has(local)) ||
      [...read].some((local) => pendingSets.has(local));
    if (conflict) this.flush();
    this.out.push(stmt);
  }

  reads(local: number): boolean {
    let found = false;
    walkStmts(this.pending, { expr: (e) => (found ||= e.op === 'local' && e.local === local) });
    return found;
  }
}

class Fission {
  readonly locals: IrLocal[];
  readonly groupLocals: Set<number>;
  /** The local in which ids note that they leave the outermost `if` of the group around here early. */
  private flag: number | null = null;
  /** The same local, once some ids may have left while statements remain that they must not run. */
  private skipping: number | null = null;

  constructor(
    private readonly kernel: IrKernel,
    fn: IrFunction,
    private readonly level: GroupLevel,
  ) {
    this.locals = [...fn.locals];
    this.groupLocals = new Set(level.locals);
  }

  block(stmts: readonly Stmt[], place: Place): readonly Stmt[] {
    const run = new Run();
    for (const [i, stmt] of stmts.entries()) {
      if (this.skipping !== null) {
        // No barrier can follow where ids have parted: the rest is theirs alone.
        run.ofItems(unless(this.skipping, this.leaving(stmts.slice(i), place), stmt.at));
        break;
      }
      const isLast = i === stmts.length - 1;
      if (this.level.stmts.has(stmt)) this.ofGroup(run, stmt, isLast ? place : withMore(place));
      else for (const done of this.leaving([stmt], place)) run.ofItems(done);
    }
    run.flush();
    return run.out;
  }

  private ofGroup(run: Run, stmt: Stmt, place: Place): void {
    switch (stmt.op) {
      case 'barrier':
        run.flush();
        return;
      case 'let':
      case 'set':
        this.set(run, stmt);
        return;
      case 'callInto':
        this.callInto(run, stmt);
        return;
      case 'if': {
        if (this.flag === null && this.needsFlag(stmt, place)) {
          this.flag = this.locals.push({ type: 'bool', name: 'left' }) - 1;
          run.ofItems(setTo(this.flag, false, stmt.at));
        }
        const condition = this.condition(run, stmt.condition);
        run.flush();
        const then = this.block(stmt.then, place);
        const parted = this.skipping;
        this.skipping = null;
        const otherwise = this.block(stmt.else, place);
        this.skipping ??= parted;
        run.ofGroup({ ...stmt, condition, then, else: otherwise });
        return;
      }
      case 'loop': {
        // Ids that leave a round early are together again in the next.
        const { flag } = this;
        this.flag = null;
        this.loop(run, stmt, place);
        this.flag = flag;
        this.skipping = null;
        return;
      }
      default:
        run.ofGroup(stmt);
    }
  }

  private set(run: Run, stmt: Stmt & { op: 'let' | 'set' }): void {
    if (isForGroup(this.kernel, stmt.value, this.groupLocals)) {
      run.setOfGroup(stmt);
      return;
    }
    // Every id computes the same value; none may see that of another id in its place.
    if (!run.reads(stmt.local) && !localsIn([stmt.value]).has(stmt.local)) {
      run.ofItems(stmt);
      return;
    }
    const kept = this.temporary(stmt.value.type);
    run.ofItems({ ...stmt, local: kept });
    run.ofGroup({ ...stmt, value: { op: 'local', type: stmt.value.type, local: kept, at: stmt.at } });
  }

  private callInto(run: Run, stmt: Stmt & { op: 'callInto' }): void {
    const areGroups = stmt.locals.every((local) => this.groupLocals.has(local));
    if (areGroups && isForGroup(this.kernel, stmt.call, this.groupLocals)) {
      run.setOfGroup(stmt);
      return;
    }
    const type = (local: number): Expr['type'] => this.locals[local]?.type ?? 'u32';
    const targets = stmt.locals.map((local) => (this.groupLocals.has(local) ? this.temporary(type(local)) : local));
    run.ofItems({ ...stmt, locals: targets });
    stmt.locals.forEach((local, i) => {
      const from = targets[i] ?? local;
      if (from === local) return;
      const value: Expr = { op: 'local', type: type(local), local: from, at: stmt.at };
      run.ofGroup({ op: 'set', local, value, at: stmt.at });
    });
  }

  /** The condition as code of the group can evaluate it, where need be from a local that ids set. */
  private condition(run: Run, condition: Expr): Expr {
    if (isForGroup(this.kernel, condition, this.groupLocals)) return condition;
    const kept = this.temporary('bool');
    run.ofItems({ op: 'set', local: kept, value: condition, at: condition.at });
    return { op: 'local', type: 'bool', local: kept, at: condition.at };
  }

  private loop(run: Run, stmt: Loop, outside: Place): void {
    const place: Place = { ...outside, inLoop: true, moreInRound: false };
    const { condition, at } = stmt;
    run.flush();
    const isPlain =
      (condition === null || isForGroup(this.kernel, condition, this.groupLocals)) &&
      stmt.update.every((s) => this.isPureSet(s));
    if (isPlain) {
      run.ofGroup({ ...stmt, body: this.block(stmt.body, place) });
      return;
    }
    // Ids take part in the update or the condition, so both become statements at the start of a round.
    const again = this.temporary('bool');
    const test = new Run();
    if (condition !== null) {
      const holds = this.condition(test, condition);
      const negated: Expr = { op: 'unary', type: 'bool', operator: 'not', value: holds, at };
      test.ofGroup({ op: 'if', condition: negated, then: [{ op: 'break', at }], else: [], at });
    }
    const isFirst = stmt.test === 'before';
    const update = this.block(stmt.update, place);
    const later = [...update, ...(isFirst ? [] : test.out)];
    const notFirst: Expr = { op: 'local', type: 'bool', local: again, at };
    const start: Stmt[] = [{ op: 'if', condition: notFirst, then: later, else: [], at }, setTo(again, true, at)];
    if (later.length > 0) run.ofGroup(setTo(again, false, at));
    const body = [...(later.length > 0 ? start : []), ...(isFirst ? test.out : []), ...this.block(stmt.body, place)];
    run.ofGroup({ op: 'loop', test: 'before', condition: null, body, update: [], at });
  }

  private isPureSet(stmt: Stmt): boolean {
    return (
      (stmt.op === 'let' || stmt.op === 'set') &&
      this.groupLocals.has(stmt.local) &&
      isForGroup(this.kernel, stmt.value, this.groupLocals)
    );
  }

  private temporary(type: IrLocal['type']): number {
    const local = this.locals.push({ type, name: 'group' }) - 1;
    this.groupLocals.add(local);
    return local;
  }

  /**
   * Statements of ids with their jumps out of the block turned into returns, which end the id's `items`. Where the group
   * goes on with statements such an id must not run, it also notes that it left.
   */
  private leaving(stmts: readonly Stmt[], place: Place): readonly Stmt[] {
    if (!stmts.some((s) => jumpsOut(s, place))) return stmts;
    const rewrite = (block: readonly Stmt[], inner: boolean): readonly Stmt[] =>
      block.flatMap((stmt): readonly Stmt[] => {
        const leaves = stmt.op === 'return' || (stmt.op === 'continue' && !inner && place.inLoop);
        if (leaves) {
          const end: Stmt = { op: 'return', values: [], at: stmt.at };
          const noted = this.flag !== null && needsNote(stmt.op, place) ? this.flag : null;
          if (noted === null) return [end];
          this.skipping = noted;
          return [setTo(noted, true, stmt.at), end];
        }
        if (stmt.op === 'if') return [{ ...stmt, then: rewrite(stmt.then, inner), else: rewrite(stmt.else, inner) }];
        return stmt.op === 'loop' ? [{ ...stmt, body: rewrite(stmt.body, true) }] : [stmt];
      });
    return rewrite(stmts, false);
  }

  private needsFlag(stmt: Stmt, place: Place): boolean {
    return needsNote('return', place) || needsNote('continue', place)
      ? jumpsOut(stmt, place, (jump) => !this.level.stmts.has(jump))
      : false;
  }
}

function withMore(place: Place): Place {
  return { ...place, moreInRound: true, moreInBody: true };
}

function needsNote(op: 'return' | 'continue', place: Place): boolean {
  return op === 'return' ? place.moreInBody : place.moreInRound;
}

/** Whether a jump that is `counted` leaves the block around the statement. */
function jumpsOut(stmt: Stmt, place: Place, counted: (jump: Stmt) => boolean = () => true, inner = false): boolean {
  if (stmt.op === 'return' || (stmt.op === 'continue' && !inner && place.inLoop)) return counted(stmt);
  return blocksOf(stmt).some((block) => block.some((s) => jumpsOut(s, place, counted, inner || stmt.op === 'loop')));
}

function setTo(local: number, value: boolean, at: number): Stmt {
  return { op: 'set', local, value: { op: 'literal', type: 'bool', value, at }, at };
}

function unless(local: number, then: readonly Stmt[], at: number): Stmt {
  const condition: Expr = {
    op: 'unary',
    type: 'bool',
    operator: 'not',
    value: { op: 'local', type: 'bool', local, at },
    at,
  };
  return { op: 'if', condition, then, else: [], at };
}
