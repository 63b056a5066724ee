import type { DType } from '@gpu-bridge/abstractions';
import type {
  ArrayRef,
  AtomicExpr,
  Axis,
  CallArg,
  CallExpr,
  Expr,
  IdKind,
  IrFunction,
  Items,
  LengthRef,
  Loop,
  Stmt,
  Store,
} from '../../ir/nodes.js';
import { deviceOf, storageOf } from './dialect.js';
import type { Dialect, Space } from './dialect.js';
import { EFFECT, orderMatters } from './effects.js';
import type { Effects } from './effects.js';
import { LEVEL, at, binary, bitcast, call, convert, literal, primary, unary } from './operators.js';
import type { Piece } from './operators.js';
import { spaceEnding } from './prelude.js';
import { blockLocals } from './scopes.js';

/** How a body names what lies outside its own locals. */
export interface Surroundings {
  readonly local: (local: number) => string;
  /** Pointer to element 0. */
  readonly pointer: (array: ArrayRef) => string;
  readonly space: (array: ArrayRef) => Space;
  readonly length: (length: LengthRef) => Piece;
  readonly uniform: (slot: number) => string;
  readonly item: string;
  readonly id: (which: IdKind, axis: Axis) => string;
  readonly inRange: string;
  /** The item's own element of a column, as a place that can be assigned. */
  readonly element: (slot: number) => string;
  /** How many elements a list has, as a place that can be assigned. */
  readonly count: (list: number) => string;
  /** Name of the helper for arrays in these spaces; asking for it makes it part of the text. */
  readonly helper: (helper: number, spaces: readonly Space[]) => string;
  /** Whether updates of the array may go to a copy that `isPrivate` speaks of. */
  readonly isCombined: (array: ArrayRef) => boolean;
  /** Statements that leave the body. */
  readonly leave: (values: readonly Piece[]) => readonly string[];
  /** Runs statements for every id of the group; only where groups are run by one executor. */
  readonly items: (items: Items, printer: BodyPrinter) => void;
}

/** Prints the statements of one function. Order of evaluation is made explicit where C leaves it open. */
export class BodyPrinter {
  private lines: string[] = [];
  private temporaries = 0;
  private readonly declared = new Set<number>();
  private readonly blockLocals: ReadonlySet<number>;
  /** What `continue` prints, innermost last: the updates of its loop may have to come first. */
  private readonly continues: (() => void)[] = [];

  constructor(
    readonly dialect: Dialect,
    readonly fn: IrFunction,
    readonly around: Surroundings,
    readonly effects: Effects,
    /** Locals that live elsewhere: parameters, and what is kept for a whole group. */
    private readonly elsewhere: ReadonlySet<number>,
  ) {
    this.blockLocals = blockLocals(fn.body);
  }

  /** The whole body, indented by two spaces. */
  print(): string[] {
    const wide = this.fn.locals.flatMap((local, i) =>
      this.elsewhere.has(i) || this.blockLocals.has(i)
        ? []
        : [`${this.dialect.types[local.type]} ${this.around.local(i)};`],
    );
    return [...wide, ...this.capture(() => this.block(this.fn.body)).lines].map((line) => `  ${line}`);
  }

  /** What `action` prints, taken out of the text. */
  capture<T>(action: () => T): { readonly lines: readonly string[]; readonly value: T } {
    const outer = this.lines;
    this.lines = [];
    const value = action();
    const { lines } = this;
    this.lines = outer;
    return { lines, value };
  }

  line(...lines: readonly string[]): void {
    this.lines.push(...lines);
  }

  indented(lines: readonly string[]): void {
    this.line(...lines.map((line) => `  ${line}`));
  }

  block(stmts: readonly Stmt[]): void {
    for (const stmt of stmts) this.stmt(stmt);
  }

  private nested(stmts: readonly Stmt[]): readonly string[] {
    return this.capture(() => this.block(stmts)).lines;
  }

  // Statements

  private stmt(stmt: Stmt): void {
    switch (stmt.op) {
      case 'let':
      case 'set':
        this.line(`${this.declaration(stmt.op === 'let', stmt.local)} = ${this.expr(stmt.value).text};`);
        return;
      case 'store':
        this.store(stmt);
        return;
      case 'storeItem':
        this.line(`${this.around.element(stmt.slot)} = ${this.expr(stmt.value).text};`);
        return;
      case 'push':
        this.push(stmt);
        return;
      case 'if': {
        const condition = this.expr(stmt.condition);
        this.branch(condition, this.nested(stmt.then), this.nested(stmt.else), this.isChain(stmt.else));
        return;
      }
      case 'loop':
        this.loop(stmt);
        return;
      case 'break':
        this.line('break;');
        return;
      case 'continue':
        this.continues.at(-1)?.();
        this.line('continue;');
        return;
      case 'return':
        this.line(...this.around.leave(this.operands(stmt.values)));
        return;
      case 'do':
        this.effect(stmt.value);
        return;
      case 'callInto': {
        const results = stmt.locals.map((local) => {
          if (this.declaresNow(local)) this.line(`${this.declaration(true, local)};`);
          return `&${this.around.local(local)}`;
        });
        this.line(`${this.callText(stmt.call, results)};`);
        return;
      }
      case 'barrier':
        this.line(deviceOf(this.dialect).barrier);
        return;
      case 'items':
        this.around.items(stmt, this);
    }
  }

  private declaresNow(local: number): boolean {
    return this.blockLocals.has(local) && !this.declared.has(local) && !this.elsewhere.has(local);
  }

  private declaration(isLet: boolean, local: number): string {
    const name = this.around.local(local);
    if (!isLet || !this.declaresNow(local)) return name;
    this.declared.add(local);
    return `${this.dialect.types[this.fn.locals[local]?.type ?? 'u32']} ${name}`;
  }

  /** Whether these statements are one `if` whose condition needs no lines before it. */
  private isChain(stmts: readonly Stmt[]): boolean {
    const [only] = stmts;
    if (stmts.length !== 1 || only?.op !== 'if') return false;
    return this.capture(() => this.expr(only.condition)).lines.length === 0;
  }

  private branch(condition: Piece, then: readonly string[], otherwise: readonly string[], isChain = false): void {
    this.line(`if (${condition.text}) {`);
    this.indented(then);
    const [first, ...rest] = otherwise;
    if (first === undefined) this.line('}');
    else if (isChain) this.line(`} else ${first}`, ...rest);
    else {
      this.line('} else {');
      this.indented(otherwise);
      this.line('}');
    }
  }

  private loop(stmt: Loop): void {
    const condition = this.capture(() => (stmt.condition === null ? undefined : this.expr(stmt.condition)));
    const test = condition.value;
    const update = this.nested(stmt.update);
    const isPlain = condition.lines.length === 0;
    const leaveUnless = (): void => {
      this.line(...condition.lines);
      if (test !== undefined) this.line(`if (!${at(LEVEL.primary, test)}) break;`);
    };
    const bodyWith = (onContinue: () => void): readonly string[] => {
      this.continues.push(onContinue);
      const lines = this.nested(stmt.body);
      this.continues.pop();
      return lines;
    };
    if (stmt.test === 'after') {
      // `continue` goes on with the update and the test.
      const again = (): void => {
        this.line(...update);
        if (!isPlain) leaveUnless();
      };
      const body = bodyWith(again);
      this.line(isPlain && test !== undefined ? 'do {' : 'for (;;) {');
      this.indented([...body, ...this.capture(again).lines]);
      this.line(isPlain && test !== undefined ? `} while (${test.text});` : '}');
      return;
    }
    const body = bodyWith(() => this.line(...update));
    const header = !isPlain || test === undefined ? 'for (;;)' : `while (${test.text})`;
    this.line(`${header} {`);
    if (!isPlain) this.indented(this.capture(leaveUnless).lines);
    this.indented([...body, ...update]);
    this.line('}');
  }

  private store(stmt: Store): void {
    const { array, operator } = stmt;
    const { dtype } = array;
    const pointer = this.around.pointer(array);
    const [index, value] = this.operands([stmt.index, stmt.value]) as [Piece, Piece];
    if (!stmt.check && operator === null) {
      this.line(`${pointer}[${index.text}] = ${value.text};`);
      return;
    }
    const once = this.once(stmt.index.type, index);
    const effects = this.effects.of(stmt.value);
    // The value counts and changes what it does also where the index is outside, and before the element is read.
    const late = (effects & (EFFECT.counts | EFFECT.writesMemory)) !== 0 ? this.once(dtype, value) : value;
    const element = primary(`${pointer}[${once.text}]`);
    const next = operator === null ? late : binary(this.dialect, operator, dtype, element, late);
    const assign = `${element.text} = ${next.text};`;
    if (stmt.check) this.line(`if (${this.inside(stmt.index.type, once, array)}) ${assign}`, `else ${VIOLATION}`);
    else this.line(assign);
  }

  private inside(indexType: DType, index: Piece, array: ArrayRef): string {
    // Negative indexes are too large as unsigned numbers.
    const unsigned = indexType === 'i32' ? convert(this.dialect, 'i32', 'u32', index) : index;
    return `${at(LEVEL.sum, unsigned)} < ${at(LEVEL.sum, this.around.length(array.length))}`;
  }

  private push(stmt: Stmt & { op: 'push' }): void {
    const count = this.around.count(stmt.list);
    const given = this.operands(stmt.values);
    const values = stmt.values.map((expr, i) => {
      const value = given[i] ?? primary('0');
      const isFree = (this.effects.of(expr) & ~EFFECT.readsLocals) === 0;
      return isFree ? value : this.once(expr.type, value);
    });
    const capacity = this.around.length({ kind: 'capacity', slot: stmt.list });
    this.line(`if (${count} < ${at(LEVEL.sum, capacity)}) {`);
    stmt.slots.forEach((slot, i) => {
      const dtype = stmt.values[i]?.type ?? 'u32';
      const list: ArrayRef = { kind: 'outList', slot, length: { kind: 'outList', slot: stmt.list }, dtype };
      this.line(`  ${this.around.pointer(list)}[${count}] = ${values[i]?.text};`);
    });
    this.line(`  ++${count};`, '} else {', `  ${VIOLATION}`, '}');
  }

  /** An expression for its effect. */
  private effect(expr: Expr | CallExpr): void {
    if (expr.op === 'call') this.line(`${this.callText(expr, [])};`);
    else if (expr.op === 'atomic') this.atomic(expr, undefined);
    else {
      const piece = this.expr(expr);
      // What was evaluated into a temporary needs no mention any more.
      if (!isName(piece)) this.line(`(void)${at(LEVEL.unary, piece)};`);
    }
  }

  // Expressions

  /** Text of an expression; lines it needs before itself are printed now. */
  expr(expr: Expr): Piece {
    const { dialect, around } = this;
    switch (expr.op) {
      case 'literal':
        return literal(dialect, expr.type, expr.value);
      case 'local':
        return primary(around.local(expr.local));
      case 'uniform':
        return primary(around.uniform(expr.slot));
      case 'item':
        return primary(around.item);
      case 'id':
        return primary(around.id(expr.which, expr.axis));
      case 'inRange':
        return primary(around.inRange);
      case 'unary':
        return unary(dialect, expr.operator, expr.type, this.expr(expr.value));
      case 'binary': {
        const [left, right] = this.operands([expr.left, expr.right]) as [Piece, Piece];
        return binary(dialect, expr.operator, expr.left.type, left, right);
      }
      case 'math':
        return call(dialect.floatFunction(expr.fn, expr.type), ...this.operands(expr.args));
      case 'logical':
        return this.logical(expr);
      case 'conditional':
        return this.conditional(expr);
      case 'select':
        return this.select(expr);
      case 'cast':
        return convert(dialect, expr.value.type, expr.type, this.expr(expr.value));
      case 'bitcast':
        return bitcast(dialect, expr.value.type, expr.type, this.expr(expr.value));
      case 'load': {
        const index = this.expr(expr.index);
        const pointer = around.pointer(expr.array);
        if (!expr.check) return asBool(expr.type, primary(`${pointer}[${index.text}]`));
        const name = `gb_read_${expr.type}${spaceEnding(dialect, around.space(expr.array))}`;
        return call(name, primary(pointer), around.length(expr.array.length), index, primary('violations'));
      }
      case 'loadItem':
        return asBool(expr.type, primary(around.element(expr.slot)));
      case 'length':
        return around.length(expr.of);
      case 'call':
        return primary(this.callText(expr, []));
      case 'atomic':
        return this.atomicValue(expr);
      case 'sequence':
        this.block(expr.body);
        return this.expr(expr.value);
    }
  }

  /** Operands from left to right: what C might evaluate too late or too early is put into a temporary. */
  private operands(exprs: readonly Expr[]): Piece[] {
    const effects = exprs.map((expr) => this.effects.of(expr));
    return exprs.map((expr, i) => {
      const piece = this.expr(expr);
      const own = effects[i] ?? 0;
      return effects.slice(i + 1).some((later) => orderMatters(own, later)) ? this.keep(expr.type, piece) : piece;
    });
  }

  private keep(type: DType, piece: Piece): Piece {
    const name = this.temporary();
    this.line(`const ${this.dialect.types[type]} ${name} = ${piece.text};`);
    return primary(name);
  }

  /** A piece that may be named twice. */
  private once(type: DType, piece: Piece): Piece {
    return isName(piece) || piece.value !== undefined ? piece : this.keep(type, piece);
  }

  private temporary(): string {
    return `t${++this.temporaries}`;
  }

  private logical(expr: Expr & { op: 'logical' }): Piece {
    const isAnd = expr.operator === 'and';
    const left = this.expr(expr.left);
    const right = this.capture(() => this.expr(expr.right));
    const level = isAnd ? LEVEL.and : LEVEL.or;
    if (right.lines.length === 0) {
      const side = (piece: Piece): string => (piece.level === level ? piece.text : at(LEVEL.relation, piece));
      return { text: `${side(left)} ${isAnd ? '&&' : '||'} ${side(right.value)}`, level };
    }
    const name = this.temporary();
    this.line(`bool ${name} = ${left.text};`, `if (${isAnd ? name : `!${name}`}) {`);
    this.indented([...right.lines, `${name} = ${right.value.text};`]);
    this.line('}');
    return primary(name);
  }

  private conditional(expr: Expr & { op: 'conditional' }): Piece {
    const condition = this.expr(expr.condition);
    const [yes, no] = [this.capture(() => this.expr(expr.whenTrue)), this.capture(() => this.expr(expr.whenFalse))];
    if (yes.lines.length + no.lines.length === 0) return choice(condition, yes.value, no.value);
    const name = this.temporary();
    this.line(`${this.dialect.types[expr.type]} ${name};`);
    this.branch(
      condition,
      [...yes.lines, `${name} = ${yes.value.text};`],
      [...no.lines, `${name} = ${no.value.text};`],
    );
    return primary(name);
  }

  private select(expr: Expr & { op: 'select' }): Piece {
    const [condition, yes, no] = this.operands([expr.condition, expr.whenTrue, expr.whenFalse]) as [
      Piece,
      Piece,
      Piece,
    ];
    const effects = this.effects.of(expr.whenTrue) | this.effects.of(expr.whenFalse);
    const isFree = (effects & (EFFECT.counts | EFFECT.writesMemory)) === 0;
    return isFree ? choice(condition, yes, no) : call(`gb_choose_${expr.type}`, condition, yes, no);
  }

  private callText(expr: CallExpr, results: readonly string[]): string {
    const scalars = this.operands(expr.args.flatMap((arg) => (arg.kind === 'scalar' ? [arg.value] : [])));
    const spaces = expr.args.flatMap((arg) => (arg.kind === 'array' ? [this.around.space(arg.array)] : []));
    const argText = (arg: CallArg): readonly string[] =>
      arg.kind === 'array'
        ? [this.around.pointer(arg.array), this.around.length(arg.array.length).text]
        : [scalars.shift()?.text ?? ''];
    const args = expr.args.flatMap(argText);
    const counts = (this.effects.ofHelper(expr.helper) & EFFECT.counts) !== 0;
    const name = this.around.helper(expr.helper, spaces);
    return `${name}(${[...args, ...results, ...(counts ? ['violations'] : [])].join(', ')})`;
  }

  private atomicValue(expr: AtomicExpr): Piece {
    if (!expr.check) return primary(this.atomicCall(expr, this.atomicOperands(expr)));
    const name = this.temporary();
    this.line(`${this.dialect.types[expr.type]} ${name} = 0;`);
    this.atomic(expr, name);
    return primary(name);
  }

  /** Index, and where they are there, the expected and the new value. */
  private atomicOperands(expr: AtomicExpr): Piece[] {
    return this.operands([expr.index, ...(expr.expected ? [expr.expected] : []), ...(expr.value ? [expr.value] : [])]);
  }

  private atomic(expr: AtomicExpr, result: string | undefined): void {
    const [index, ...values] = this.atomicOperands(expr);
    if (index === undefined) return;
    const assign = result === undefined ? '' : `${result} = `;
    if (!expr.check) {
      this.line(`${assign}${this.atomicCall(expr, [index, ...values])};`);
      return;
    }
    const once = this.once(expr.index.type, index);
    const late = values.map((value) => {
      const effects = this.effects.of(expr.value ?? expr.index) | this.effects.of(expr.expected ?? expr.index);
      return (effects & (EFFECT.counts | EFFECT.writesMemory)) === 0 ? value : this.once(expr.type, value);
    });
    this.line(
      `if (${this.inside(expr.index.type, once, expr.array)}) ${assign}${this.atomicCall(expr, [once, ...late])};`,
      `else ${VIOLATION}`,
    );
  }

  private atomicCall({ operator, type, array }: AtomicExpr, [index, ...values]: readonly Piece[]): string {
    const isCombined = this.around.isCombined(array);
    const ending = spaceEnding(this.dialect, this.around.space(array));
    const name = `gb_${isCombined ? 'combine' : 'atomic'}_${operator}_${type}${ending}`;
    const place: Piece = {
      text: `${this.around.pointer(array)} + ${at(LEVEL.product, index ?? primary('0'))}`,
      level: LEVEL.sum,
    };
    return call(name, place, ...values, ...(isCombined ? [primary('isPrivate')] : [])).text;
  }

  /** Declaration of an array argument or parameter. */
  static arrayType(dialect: Dialect, space: Space, dtype: DType, writable: boolean): string {
    return `${dialect.spaces[space]}${writable ? '' : 'const '}${storageOf(dialect, dtype)}*`;
  }
}

const VIOLATION = '++*violations;';

function isName(piece: Piece): boolean {
  return /^\w+$/.test(piece.text);
}

function asBool(type: DType, piece: Piece): Piece {
  return type === 'bool' ? { text: `${piece.text} != 0`, level: LEVEL.relation } : piece;
}

function choice(condition: Piece, yes: Piece, no: Piece): Piece {
  const text = `${at(LEVEL.bits, condition)} ? ${at(LEVEL.bits, yes)} : ${at(LEVEL.bits, no)}`;
  return { text, level: LEVEL.choice };
}
