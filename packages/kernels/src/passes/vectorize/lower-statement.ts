import type { Expr, If, Loop, Stmt, Store } from '../../ir/nodes.js';
import { blocksOf } from '../../ir/walk.js';
import {
  accessOf,
  isFree,
  isGroupLocal,
  lowerEffect,
  lowerExpression,
  lowerInOrder,
  outside,
  resolveArray,
  variableOf,
  within,
} from './lower-expression.js';
import { resultKey } from './instance.js';
import { closeBlock } from './blocks.js';
import { pushGuarded } from './guards.js';
import { union } from './liveness.js';
import { keep, set } from './place.js';
import type { LoopScope, Place } from './place.js';
import { ALL_LANES, any, binary, masks, not, select, shapeOf, spread } from './values.js';
import type { VExpr, VStmt } from './vector-form.js';

export function lowerBlock(place: Place, stmts: readonly Stmt[]): void {
  for (const [i, stmt] of stmts.entries()) {
    lowerStatement(place, stmt);
    const rest = stmts.slice(i + 1);
    if (rest.length === 0 || !losesLanes(place, stmt)) continue;
    afterLoss(place, rest);
    return;
  }
}

export function lowerStatement(place: Place, stmt: Stmt): void {
  switch (stmt.op) {
    case 'let':
    case 'set':
      assign(place, stmt.local, lowerExpression(place, stmt.value));
      return;
    case 'callInto': {
      const results = place.scope.round.parts.call(place, stmt.call);
      stmt.locals.forEach((local, i) => {
        const result = results[i];
        if (result !== undefined) assign(place, local, result);
      });
      return;
    }
    case 'store':
      lowerStore(place, stmt);
      return;
    case 'storeItem': {
      const value = spread(lowerExpression(place, stmt.value));
      place.out.push({ op: 'storeItem', slot: stmt.slot, value, mask: place.mask });
      return;
    }
    case 'if':
      lowerIf(place, stmt);
      return;
    case 'loop':
      lowerLoop(place, stmt);
      return;
    case 'break':
    case 'continue':
      lowerJump(place, stmt.op);
      return;
    case 'return':
      lowerReturn(place, stmt);
      return;
    case 'do':
      lowerEffect(place, stmt.value);
      return;
    case 'push':
    case 'barrier':
    case 'items':
      throw new Error(`${stmt.op} has no vector form`);
  }
}

/** Gives a local of the body, or a result by its key, a value in the lanes of the place. */
export function assign(place: Place, key: number, value: VExpr, blend = place.preserve.has(key)): void {
  const { scope } = place;
  if (isGroupLocal(place, key)) {
    const uniform: VExpr = value.varying ? { op: 'lane0', type: value.type, varying: false, value } : value;
    place.out.push({ op: 'setGroup', local: key, value: uniform });
    return;
  }
  const masked = blend && place.mask !== null;
  scope.round.note(scope.instance.join(key, masked ? 'varying' : shapeOf(value)));
  const shape = scope.instance.shape(key);
  const target = variableOf(place, key, value.type);
  if (shape === 'linear') set(place, target, value.op === 'lanes' ? value.first : value);
  else if (shape === 'uniform') set(place, target, value);
  else set(place, target, masked ? blended(place.mask as VExpr, spread(value), target) : spread(value));
}

/** `x + e` in some lanes adds `e` or nothing, which is cheaper than choosing between the sum and `x`. */
function blended(mask: VExpr, value: VExpr, old: VExpr & { op: 'var' }): VExpr {
  const isSum = value.op === 'binary' && (value.operator === 'add' || value.operator === 'sub');
  const counts = isSum && value.left.op === 'var' && value.left.id === old.id;
  if (!counts || value.type === 'f32' || value.type === 'f64') return select(mask, value, old);
  const added: VExpr = { op: 'keep', type: value.type, varying: true, mask, value: value.right };
  return binary(value.operator, value.type, old, added);
}

function lowerStore(place: Place, stmt: Store): void {
  const [at, given] = lowerInOrder(place, [stmt.index, stmt.value]) as [VExpr, VExpr];
  const { access, index } = accessOf(at);
  const { operator, check } = stmt;
  const once = access === 'uniform' && !given.varying && operator === null;
  // Several lanes at one element take their turns.
  const turns = access === 'uniform' && !once;
  place.out.push({
    op: 'store',
    array: resolveArray(place, stmt.array),
    access: turns ? 'lanes' : access,
    index: turns ? spread(index) : index,
    value: once ? given : spread(given),
    operator,
    mask: place.mask,
    check,
  });
}

function lowerIf(place: Place, stmt: If): void {
  const condition = lowerExpression(place, stmt.condition);
  if (!condition.varying) {
    const [then, otherwise] = [
      { ...place, out: [] as VStmt[] },
      { ...place, out: [] as VStmt[] },
    ];
    // The branches must not see each other's changes of the condition's operands: it is evaluated first, once.
    lowerBlock(then, stmt.then);
    lowerBlock(otherwise, stmt.else);
    place.out.push({ op: 'if', condition, then: then.out, else: otherwise.out });
    return;
  }
  const { liveness } = place.scope.instance;
  const decided = stmt.else.length > 0 ? keep(place, condition, 'kept') : condition;
  const branch = (mask: VExpr, stmts: readonly Stmt[], resumed: ReadonlySet<number>): void => {
    const inner: Place = {
      ...place,
      out: [],
      mask: keep(place, mask, 'mask'),
      preserve: union(place.preserve, resumed),
      parted: true,
      partedInBody: true,
    };
    lowerBlock(inner, stmts);
    pushGuarded(place, inner.mask, inner.out);
  };
  branch(within(place, decided), stmt.then, stmt.else.length > 0 ? liveness.atElse(stmt) : liveness.after(stmt));
  if (stmt.else.length > 0) branch(outside(place, decided), stmt.else, liveness.after(stmt));
}

function lowerLoop(place: Place, stmt: Loop): void {
  const { scope } = place;
  const { round, instance } = scope;
  const { liveness } = instance;
  const parting = instance.parting.has(stmt);
  const skipping = instance.skipping.has(stmt);
  const live = parting || skipping ? keep(place, place.mask ?? ALL_LANES, 'live') : null;
  const active = skipping ? round.newVar('bool', true, 'active') : live;
  const scopeOfLoop: LoopScope = {
    loop: stmt,
    live,
    active,
    onBreak: round.newLabel(),
    onContinue: round.newLabel(),
  };
  let preserve = place.preserve;
  if (live !== null) preserve = union(preserve, liveness.after(stmt));
  if (skipping) preserve = union(preserve, liveness.atContinue(stmt));
  const inside = (out: VStmt[], mask: VExpr | null): Place => ({
    ...place,
    out,
    mask,
    preserve,
    loops: [...place.loops, scopeOfLoop],
    parted: false,
    partedInBody: place.partedInBody || live !== null,
  });
  const code: VStmt[] = [];
  const around = inside(code, live ?? place.mask);
  if (stmt.test === 'before') lowerTest(around, stmt, scopeOfLoop);
  if (skipping && active !== null && live !== null) set(around, active, live);
  const body = inside([], active ?? place.mask);
  lowerBlock(body, stmt.body);
  closeBlock(code, scopeOfLoop.onContinue, body.out);
  if (live !== null && (jumps(stmt.body, 'break') || jumps(stmt.body, 'return')))
    code.push(leaveIfNone(scopeOfLoop, live));
  lowerBlock(around, stmt.update);
  if (stmt.test === 'after') lowerTest(around, stmt, scopeOfLoop);
  closeBlock(place.out, scopeOfLoop.onBreak, [{ op: 'loop', body: code }]);
}

/** Conditions joined by `&&` are tested apart where some are uniform, which then stay scalar. */
function lowerTest(place: Place, loop: Loop, { live, onBreak }: LoopScope): void {
  const { round, instance } = place.scope;
  let pending: VExpr | null = null;
  const flush = (): void => {
    if (pending !== null && live !== null) {
      set(place, live, masks('and', live, pending));
      place.out.push({ op: 'leave', label: onBreak, when: not(any(live)) });
    }
    pending = null;
  };
  for (const expr of conjuncts(loop.condition)) {
    // What has statements must not run for lanes that have failed an earlier part.
    if (!isFree(expr)) flush();
    const condition = lowerExpression(place, expr);
    if (condition.varying) {
      round.note(!instance.parting.has(loop));
      instance.parting.add(loop);
      pending = pending === null ? condition : masks('and', pending, condition);
    } else {
      flush();
      place.out.push({ op: 'leave', label: onBreak, when: not(condition) });
    }
  }
  flush();
}

/** Parts of a condition that all have to hold, in order. */
function conjuncts(condition: Expr | null): readonly Expr[] {
  if (condition === null) return [];
  if (condition.op !== 'logical' || condition.operator !== 'and') return [condition];
  return [...conjuncts(condition.left), ...conjuncts(condition.right)];
}

function leaveIfNone({ onBreak }: LoopScope, live: VExpr): VStmt {
  return { op: 'leave', label: onBreak, when: not(any(live)) };
}

function lowerJump(place: Place, jump: 'break' | 'continue'): void {
  const loop = place.loops.at(-1);
  if (loop === undefined) throw new Error('jump outside a loop');
  const { round, instance } = place.scope;
  // Lanes that skip the rest of this round do not break with the others.
  const together = !place.parted && (jump === 'continue' || loop.active === loop.live);
  if (together) {
    place.out.push({ op: 'leave', label: jump === 'break' ? loop.onBreak : loop.onContinue, when: null });
    return;
  }
  const kind = jump === 'break' ? instance.parting : instance.skipping;
  round.note(!kind.has(loop.loop));
  kind.add(loop.loop);
  if (jump === 'break') drop(place, loop.live);
  if (loop.active !== loop.live) drop(place, loop.active);
}

/** Takes the lanes of the place out of a mask; where that mask is missing, the next round has it. */
function drop(place: Place, lanes: (VExpr & { op: 'var' }) | null): void {
  if (lanes !== null && place.mask !== null) set(place, lanes, masks('andNot', lanes, place.mask));
}

function lowerReturn(place: Place, stmt: Stmt & { op: 'return' }): void {
  const { scope } = place;
  const { round, instance } = scope;
  const hasOthers = scope.returned || (instance.returnsApart && place.loops.length > 0);
  lowerInOrder(place, stmt.values).forEach((value, i) => assign(place, resultKey(i), value, hasOthers));
  if (!place.partedInBody) {
    place.out.push({ op: 'leave', label: scope.exit, when: null });
    return;
  }
  round.note(!instance.returnsApart);
  instance.returnsApart = true;
  scope.returned = true;
  drop(place, scope.running);
  for (const { loop, live, active } of place.loops) {
    round.note(!instance.parting.has(loop));
    instance.parting.add(loop);
    drop(place, live);
    if (active !== live) drop(place, active);
  }
}

/** Whether lanes of the place may be gone after a statement, although code follows that others run. */
function losesLanes(place: Place, stmt: Stmt): boolean {
  const { instance } = place.scope;
  const loop = place.loops.at(-1)?.loop;
  if (instance.returnsApart && jumps([stmt], 'return')) return true;
  if (loop === undefined) return false;
  return (
    (instance.parting.has(loop) && jumps([stmt], 'break')) || (instance.skipping.has(loop) && jumps([stmt], 'continue'))
  );
}

/** Lowers what follows a statement that took lanes away, for those that are left. */
function afterLoss(place: Place, rest: readonly Stmt[]): void {
  const loop = place.loops.at(-1);
  const left = loop === undefined ? place.scope.running : loop.active;
  if (left === null) {
    lowerBlock(place, rest);
    return;
  }
  if (loop !== undefined && !place.parted && loop.active === loop.live) {
    place.out.push(leaveIfNone(loop, left));
    lowerBlock({ ...place, mask: left }, rest);
    return;
  }
  const mask = place.parted && place.mask !== null ? keep(place, masks('and', place.mask, left), 'mask') : left;
  const inner: Place = { ...place, out: [], mask };
  lowerBlock(inner, rest);
  place.out.push({ op: 'if', condition: any(mask), then: inner.out, else: [] });
}

/** Whether statements contain a jump that leads out of them. */
function jumps(stmts: readonly Stmt[], jump: 'break' | 'continue' | 'return'): boolean {
  return stmts.some(
    (s) => s.op === jump || ((s.op !== 'loop' || jump === 'return') && blocksOf(s).some((block) => jumps(block, jump))),
  );
}
