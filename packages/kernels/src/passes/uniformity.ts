import { argumentLayout } from '@gpu-bridge/abstractions';
import type { ArrayRef, CallExpr, Expr, IrFunction, IrKernel, LengthRef, Loop, Stmt } from '../ir/nodes.js';
import { expressionsOf, operandsOf, walkStmts } from '../ir/walk.js';

/**
 * What is the same for all ids of a workgroup (or for any set of ids that run side by side), in one function body. It
 * answers for the very nodes that were analysed: after a rewrite, analyse again. Locals count as a whole, over their life.
 */
export interface Uniformity {
  /** Whether ids that evaluate the expression together get the same value. */
  isUniform(expr: Expr | CallExpr): boolean;
  /** Whether a local has the same value in all ids wherever it has one. */
  isUniformLocal(local: number): boolean;
  /** Whether a statement is reached by all ids that entered the body, or by none. */
  isUniformFlow(stmt: Stmt): boolean;
  /** What a call in this body gives its helper, to analyse the helper's body with {@link uniformityOfHelper}. */
  argsOf(call: CallExpr): readonly ArgUniformity[];
  /** Barriers that only some ids of a group may reach. */
  readonly violations: readonly BarrierViolation[];
}

export interface ArgUniformity {
  /** Scalars: the same in all ids. Arrays: an element at an index is the same whichever id reads it, and whenever. */
  readonly value: boolean;
  /** Arrays: the same length in all ids. */
  readonly length: boolean;
}

export interface BarrierViolation {
  /** Offset of the barrier in the text of the body. */
  readonly at: number;
  /** Why only some ids may reach it; a clause that can follow `because`. */
  readonly because: string;
  /** Offset of the condition or jump that parts the ids. */
  readonly causeAt: number;
}

/** Analyses the body of a kernel. */
export function uniformityOf(kernel: IrKernel): Uniformity {
  return new Analysis(kernel, kernel.main, []);
}

/** Analyses the body of a helper for calls with such arguments, made where all ids are together. */
export function uniformityOfHelper(kernel: IrKernel, helper: number, args: readonly ArgUniformity[]): Uniformity {
  const fn = kernel.helpers[helper];
  if (fn === undefined) throw new Error(`no helper ${helper}`);
  return new Analysis(kernel, fn, args);
}

/** What parted the ids. */
interface Cause {
  readonly at: number;
  readonly because: string;
}

/** One loop during a walk. */
interface OpenLoop {
  readonly loop: Loop;
  /** Some ids skipped the rest of this round. */
  skipped: Cause | null;
}

class Analysis implements Uniformity {
  private readonly varying = new Set<number>();
  private readonly divergent = new Set<Stmt>();
  /** Loops that some ids leave before others, by a jump. */
  private readonly left = new Map<Loop, Cause>();
  private readonly loops: OpenLoop[] = [];
  private returned: Cause | null = null;
  private changed = true;
  private readonly found = new Map<Stmt, BarrierViolation>();
  /** Slots of arrays that nothing writes while the kernel runs. */
  private readonly inputs: ReadonlySet<number>;

  constructor(
    private readonly kernel: IrKernel,
    private readonly fn: IrFunction,
    private readonly args: readonly ArgUniformity[],
  ) {
    const { slots } = argumentLayout(kernel.params);
    this.inputs = new Set(slots.flatMap((slot, i) => (kernel.params[slot.param]?.role === 'input' ? [i] : [])));
    fn.args.forEach((arg, i) => {
      if (arg.kind === 'scalar' && args[i]?.value !== true) this.varying.add(arg.local);
    });
    // A local that turns out to vary can make others vary; each walk finds at least one more, or is the last.
    while (this.changed) {
      this.changed = false;
      this.returned = null;
      this.block(fn.body, null);
    }
  }

  get violations(): readonly BarrierViolation[] {
    return [...this.found.values()];
  }

  isUniformLocal(local: number): boolean {
    return !this.varying.has(local);
  }

  isUniformFlow(stmt: Stmt): boolean {
    return !this.divergent.has(stmt);
  }

  argsOf(call: CallExpr): readonly ArgUniformity[] {
    return call.args.map((arg) => ({
      value: arg.kind === 'scalar' ? this.isUniform(arg.value) : this.isConstant(arg.array),
      length: arg.kind === 'scalar' || this.isUniformLength(arg.array.length),
    }));
  }

  isUniform(expr: Expr | CallExpr): boolean {
    switch (expr.op) {
      case 'local':
        return this.isUniformLocal(expr.local);
      case 'id':
        return expr.which !== 'global' && expr.which !== 'local';
      case 'item':
      case 'inRange':
      case 'loadItem':
      case 'atomic':
        return false;
      case 'length':
        return this.isUniformLength(expr.of);
      case 'load':
        return this.isConstant(expr.array) && this.isUniformLength(expr.array.length) && this.isUniform(expr.index);
      case 'call':
        return this.argsOf(expr).every((arg) => arg.value && arg.length) && !hasAtomics(this.kernel, expr.helper);
      default:
        return operandsOf(expr).every((operand) => this.isUniform(operand));
    }
  }

  private isConstant(array: ArrayRef): boolean {
    if (array.kind === 'arg') return this.args[array.arg]?.value === true;
    return array.kind === 'column' && this.inputs.has(array.slot);
  }

  private isUniformLength(length: LengthRef): boolean {
    if (length.kind === 'arg') return this.args[length.arg]?.length === true;
    return length.kind === 'column' || length.kind === 'shared';
  }

  private block(stmts: readonly Stmt[], control: Cause | null): void {
    for (const stmt of stmts) this.stmt(stmt, control);
  }

  /** `control` is what parts the ids around the statement; jumps before it may part them as well. */
  private stmt(stmt: Stmt, control: Cause | null): void {
    const cause = control ?? this.loops.at(-1)?.skipped ?? this.leftBy() ?? this.returned;
    if (cause !== null) this.divergent.add(stmt);
    switch (stmt.op) {
      case 'barrier':
        if (cause !== null) this.found.set(stmt, { at: stmt.at, because: cause.because, causeAt: cause.at });
        return;
      case 'if': {
        this.expr(stmt.condition, cause);
        const inner = cause ?? this.parting(stmt.condition, 'the condition around it depends on');
        this.block(stmt.then, inner);
        this.block(stmt.else, inner);
        return;
      }
      case 'loop':
        this.loop(stmt, cause);
        return;
      case 'let':
      case 'set':
        this.expr(stmt.value, cause);
        if (cause !== null || !this.isUniform(stmt.value)) this.vary(stmt.local);
        return;
      case 'callInto':
        this.expr(stmt.call, cause);
        if (cause !== null || !this.isUniform(stmt.call)) stmt.locals.forEach((local) => this.vary(local));
        return;
      case 'break':
      case 'continue':
      case 'return':
        for (const expr of expressionsOf(stmt)) this.expr(expr, cause);
        if (cause !== null) this.jump(stmt.op, cause, stmt.at);
        return;
      case 'items':
        this.block(stmt.body, cause);
        return;
      default:
        for (const expr of expressionsOf(stmt)) this.expr(expr, cause);
    }
  }

  private loop(loop: Loop, cause: Cause | null): void {
    const { condition } = loop;
    const open: OpenLoop = { loop, skipped: null };
    this.loops.push(open);
    if (condition !== null && loop.test === 'before') this.expr(condition, cause ?? this.leftBy());
    // Some ids may be in a round that others never reach.
    const ends = condition && this.parting(condition, 'the loop around it takes different numbers of rounds, by');
    const inner = cause ?? this.leftBy() ?? ends;
    this.block(loop.body, inner);
    open.skipped = null;
    this.block(loop.update, inner);
    if (condition !== null && loop.test === 'after') this.expr(condition, inner);
    this.loops.pop();
  }

  private leftBy(): Cause | null {
    const open = this.loops.at(-1);
    return (open && this.left.get(open.loop)) ?? null;
  }

  private jump(op: 'break' | 'continue' | 'return', { because }: Cause, at: number): void {
    const open = this.loops.at(-1);
    if (op === 'continue') {
      if (open) open.skipped ??= { at, because: `some ids skip it by this continue: ${because}` };
      return;
    }
    const cause = { at, because: `some ids leave by this ${op} before others: ${because}` };
    if (op === 'return') this.returned ??= cause;
    for (const { loop } of op === 'return' ? this.loops : open ? [open] : []) {
      if (this.left.has(loop)) continue;
      this.left.set(loop, cause);
      this.changed = true;
    }
  }

  private vary(local: number): void {
    if (this.varying.has(local)) return;
    this.varying.add(local);
    this.changed = true;
  }

  /** Looks for assignments inside an expression; short-circuits part the ids like branches. */
  private expr(expr: Expr | CallExpr, cause: Cause | null): void {
    if (expr.op === 'sequence') this.block(expr.body, cause);
    const operands = operandsOf(expr);
    const branches = expr.op === 'logical' || expr.op === 'conditional';
    const [first] = operands;
    const inner = branches && first ? (cause ?? this.parting(first, 'the condition around it depends on')) : cause;
    operands.forEach((operand, i) => {
      this.expr(operand, i === 0 ? cause : inner);
    });
  }

  private parting(condition: Expr, words: string): Cause | null {
    if (this.isUniform(condition)) return null;
    return {
      at: condition.at,
      because: `${words} ${this.source(condition)}, which differs between the ids of a group`,
    };
  }

  /** What makes an expression vary, in the author's words. */
  private source(expr: Expr | CallExpr): string {
    switch (expr.op) {
      case 'local':
        return `'${this.fn.locals[expr.local]?.name ?? 'a local'}'`;
      case 'id':
        return `k.${expr.which}.${expr.axis}`;
      case 'item':
        return 'k.item';
      case 'inRange':
        return 'k.inRange';
      case 'atomic':
        return 'the result of an atomic operation';
      case 'load':
        return this.isUniform(expr.index) ? 'an element of an array that ids write' : this.source(expr.index);
      case 'call': {
        const operand = operandsOf(expr).find((e) => !this.isUniform(e));
        return operand ? this.source(operand) : 'the result of a helper that reads arrays that ids write';
      }
      default: {
        const operand = operandsOf(expr).find((e) => !this.isUniform(e));
        return operand ? this.source(operand) : 'a value of the id';
      }
    }
  }
}

/** Whether a helper, or one that it calls, has atomic operations. */
function hasAtomics(kernel: IrKernel, helper: number): boolean {
  let found = false;
  walkStmts(kernel.helpers[helper]?.body ?? [], {
    expr: (e) => {
      found ||= e.op === 'atomic' || (e.op === 'call' && hasAtomics(kernel, e.helper));
    },
  });
  return found;
}
