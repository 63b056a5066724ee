import type { CallExpr, Expr, IrKernel, Stmt } from '../ir/nodes.js';

/** Arrays of u32 by parameter name, and of the workgroup by position; uniforms by name. */
export interface LockstepArguments {
  readonly size: number;
  readonly arrays: Readonly<Record<string, Uint32Array>>;
  readonly uniforms: Readonly<Record<string, number>>;
}

type Jump = 'break' | 'continue' | 'return' | undefined;

/**
 * Runs a one-dimensional kernel of u32 and bool the way a device does: every id on its own, one step from barrier to
 * barrier. It shares nothing with the form for CPUs, which it is there to check.
 *
 * @returns the number of bounds violations; the arrays are changed in place.
 */
export function runInLockstep(kernel: IrKernel, slots: readonly string[], args: LockstepArguments): number {
  const [width] = kernel.workgroup ?? [1];
  let violations = 0;
  for (let group = 0; group * width < args.size; group++) {
    const shared = kernel.shared.map(({ length }) => new Uint32Array(length));
    const ids = Array.from({ length: width }, (_, local) =>
      new Id(kernel, slots, args, shared, group, local, () => violations++).block(kernel.main.body),
    );
    let running = ids;
    while (running.length > 0) {
      running = running.filter((id) => id.next().done !== true);
      if (running.length > 0 && running.length < width) throw new Error('some ids missed a barrier');
    }
  }
  return violations;
}

class Id {
  private readonly locals = new Map<number, number>();

  constructor(
    private readonly kernel: IrKernel,
    private readonly slots: readonly string[],
    private readonly args: LockstepArguments,
    private readonly shared: readonly Uint32Array[],
    private readonly group: number,
    private readonly local: number,
    private readonly violation: () => void,
  ) {}

  *block(stmts: readonly Stmt[]): Generator<void, Jump> {
    for (const stmt of stmts) {
      const jump = yield* this.stmt(stmt);
      if (jump !== undefined) return jump;
    }
    return undefined;
  }

  private *stmt(stmt: Stmt): Generator<void, Jump> {
    switch (stmt.op) {
      case 'barrier':
        yield;
        return undefined;
      case 'if':
        return yield* this.block(this.value(stmt.condition) !== 0 ? stmt.then : stmt.else);
      case 'loop':
        for (let first = true; ; first = false) {
          const tests = stmt.test === 'before' || !first;
          if (tests && stmt.condition !== null && this.value(stmt.condition) === 0) return undefined;
          const jump = yield* this.block(stmt.body);
          if (jump === 'break') return undefined;
          if (jump === 'return') return jump;
          yield* this.block(stmt.update);
        }
      case 'break':
      case 'continue':
      case 'return':
        return stmt.op;
      default:
        this.simple(stmt);
        return undefined;
    }
  }

  private simple(stmt: Stmt): void {
    if (stmt.op === 'let' || stmt.op === 'set') this.locals.set(stmt.local, this.value(stmt.value));
    else if (stmt.op === 'do') this.value(stmt.value);
    else if (stmt.op === 'store') {
      const array = this.array(stmt.array);
      const index = this.value(stmt.index);
      const value = this.value(stmt.value);
      if (index >= array.length) this.violation();
      else array[index] = stmt.operator === null ? value : arithmetic(stmt.operator, array[index] ?? 0, value);
    } else throw new Error(`${stmt.op} does not run in lockstep`);
  }

  private array(ref: Extract<Expr, { op: 'load' }>['array']): Uint32Array {
    const found =
      ref.kind === 'shared'
        ? this.shared[ref.shared]
        : ref.kind === 'column'
          ? this.args.arrays[this.slots[ref.slot] ?? '']
          : undefined;
    if (found === undefined) throw new Error(`no array of kind ${ref.kind}`);
    return found;
  }

  private value(expr: Expr | CallExpr): number {
    switch (expr.op) {
      case 'literal':
        return Number(expr.value);
      case 'local': {
        const value = this.locals.get(expr.local);
        if (value === undefined) throw new Error('a local is read before it is set');
        return value;
      }
      case 'uniform':
        return this.args.uniforms[this.slots[expr.slot] ?? ''] ?? 0;
      case 'id': {
        const [width] = this.kernel.workgroup ?? [1];
        if (expr.axis !== 'x') return expr.which === 'groupCount' || expr.which === 'globalSize' ? 1 : 0;
        if (expr.which === 'global') return this.group * width + this.local;
        if (expr.which === 'groupCount') return Math.ceil(this.args.size / width);
        return { globalSize: this.args.size, local: this.local, group: this.group }[expr.which];
      }
      case 'inRange': {
        const [width] = this.kernel.workgroup ?? [1];
        return Number(this.group * width + this.local < this.args.size);
      }
      case 'unary':
        return expr.operator === 'not' ? Number(this.value(expr.value) === 0) : refuse(expr.operator);
      case 'binary':
        return arithmetic(expr.operator, this.value(expr.left), this.value(expr.right));
      case 'logical': {
        const left = this.value(expr.left) !== 0;
        return Number(
          expr.operator === 'and' ? left && this.value(expr.right) !== 0 : left || this.value(expr.right) !== 0,
        );
      }
      case 'conditional':
        return this.value(this.value(expr.condition) !== 0 ? expr.whenTrue : expr.whenFalse);
      case 'cast':
        return this.value(expr.value);
      case 'load': {
        const array = this.array(expr.array);
        const index = this.value(expr.index);
        if (index >= array.length) this.violation();
        return array[index] ?? 0;
      }
      case 'length':
        return expr.of.kind === 'column'
          ? (this.args.arrays[this.slots[expr.of.slot] ?? '']?.length ?? 0)
          : refuse(expr.of.kind);
      case 'sequence':
        for (const stmt of expr.body) this.simple(stmt);
        return this.value(expr.value);
      default:
        return refuse(expr.op);
    }
  }
}

function refuse(what: string): never {
  throw new Error(`${what} does not run in lockstep`);
}

function arithmetic(operator: string, a: number, b: number): number {
  const operations: Readonly<Record<string, () => number>> = {
    add: () => (a + b) >>> 0,
    sub: () => (a - b) >>> 0,
    mul: () => Math.imul(a, b) >>> 0,
    and: () => (a & b) >>> 0,
    xor: () => (a ^ b) >>> 0,
    rem: () => (b === 0 ? 0 : a % b),
    eq: () => Number(a === b),
    ne: () => Number(a !== b),
    lt: () => Number(a < b),
    le: () => Number(a <= b),
    gt: () => Number(a > b),
    ge: () => Number(a >= b),
  };
  return (operations[operator] ?? (() => refuse(operator)))();
}
