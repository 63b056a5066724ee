import { isWide } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import type { ArrayRef, AtomicExpr, CallExpr, Expr, Items, LengthRef, Stmt } from '../../ir/nodes.js';
import { binaryText, bitcastText, castText, literalText, unaryText } from './operators.js';

/** How a body names what lies outside its own locals. Starts and lengths count elements. */
export interface JsNames {
  readonly local: (local: number) => string;
  readonly start: (array: ArrayRef) => string;
  readonly length: (length: LengthRef) => string;
  readonly uniform: (slot: number) => string;
  /** Whether the id is inside the global size. */
  readonly inRange: string;
  /** Start of a column whose elements belong to the items. */
  readonly column: (slot: number) => string;
  readonly helper: (helper: number) => string;
  readonly count: (countsSlot: number) => string;
  /** What leaves the body. */
  readonly leave: (values: readonly string[]) => string;
  /** A loop over ids. */
  readonly items: (items: Items, indent: string) => string[];
}

export const VIEW: Readonly<Record<DType, string>> = {
  f32: 'f32s',
  f64: 'f64s',
  i32: 'i32s',
  u32: 'u32s',
  bool: 'u32s',
  i64: 'i64s',
  u64: 'u64s',
};

function zeroText(type: DType): string {
  return isWide(type) ? '0n' : '0';
}

export function exprText(names: JsNames, expr: Expr | CallExpr): string {
  const go = (e: Expr): string => exprText(names, e);
  switch (expr.op) {
    case 'literal':
      return literalText(expr.type, expr.value);
    case 'local':
      return names.local(expr.local);
    case 'uniform':
      return names.uniform(expr.slot);
    case 'item':
      return 'item';
    case 'math':
      throw new Error('math functions are helpers by now');
    case 'inRange':
      return names.inRange;
    case 'id':
      return `${expr.which}_${expr.axis}`;
    case 'unary':
      return unaryText(expr.operator, expr.type, go(expr.value));
    case 'binary':
      return binaryText(expr.operator, expr.left.type, go(expr.left), go(expr.right));
    case 'logical':
      return `(${go(expr.left)} ${expr.operator === 'and' ? '&&' : '||'} ${go(expr.right)})`;
    case 'conditional':
      return `(${go(expr.condition)} ? ${go(expr.whenTrue)} : ${go(expr.whenFalse)})`;
    case 'select':
      return `select(${go(expr.condition)}, ${go(expr.whenTrue)}, ${go(expr.whenFalse)})`;
    case 'cast':
      return castText(expr.value.type, expr.type, go(expr.value));
    case 'bitcast':
      return bitcastText(expr.value.type, expr.type, go(expr.value));
    case 'load': {
      const view = VIEW[expr.type];
      const text = expr.check
        ? `read(${view}, ${names.start(expr.array)}, ${names.length(expr.array.length)}, ${go(expr.index)}, ${zeroText(expr.type)})`
        : `${view}[${names.start(expr.array)} + ${go(expr.index)}]`;
      return expr.type === 'bool' ? `(${text} !== 0)` : text;
    }
    case 'loadItem': {
      const text = `${VIEW[expr.type]}[${names.column(expr.slot)} + item]`;
      return expr.type === 'bool' ? `(${text} !== 0)` : text;
    }
    case 'length':
      return names.length(expr.of);
    case 'call': {
      const args = expr.args.flatMap((arg) =>
        arg.kind === 'scalar' ? [go(arg.value)] : [names.start(arg.array), names.length(arg.array.length)],
      );
      return `${names.helper(expr.helper)}(${args.join(', ')})`;
    }
    case 'atomic':
      return atomicText(names, expr);
    case 'sequence':
      return `(${[...expr.body.map((stmt) => effectText(names, stmt)), go(expr.value)].join(', ')})`;
  }
}

function atomicText(names: JsNames, expr: AtomicExpr): string {
  const { array, type } = expr;
  const operand = (e: Expr | null): string => (e === null ? 'undefined' : exprText(names, e));
  // Bounds `off` gives a length nothing exceeds.
  const length = expr.check ? names.length(array.length) : 'Infinity';
  const view = type === 'f32' ? 'u32s' : VIEW[type];
  const operands = [operand(expr.index), operand(expr.expected), operand(expr.value)];
  return `atomic(${view}, ${names.start(array)}, ${length}, ${operands.join(', ')}, ${zeroText(type)}, ${atomicFunction(expr)})`;
}

/** Applied to the view, the position, the value and what is expected there. */
function atomicFunction({ operator, type }: AtomicExpr): string {
  if (type === 'f32') return `atomic_${operator}_f32`;
  if (operator === 'min' || operator === 'max') return `atomic_${operator}`;
  if (operator === 'compareExchange')
    return '(view, at, value, expected) => Atomics.compareExchange(view, at, expected, value)';
  return `(view, at, value) => Atomics.${operator}(view, at${operator === 'load' ? '' : ', value'})`;
}

/** A simple statement as an expression, without the semicolon. */
function effectText(names: JsNames, stmt: Stmt): string {
  switch (stmt.op) {
    case 'let':
    case 'set':
      return `${names.local(stmt.local)} = ${exprText(names, stmt.value)}`;
    case 'do':
      return exprText(names, stmt.value);
    case 'storeItem':
      return `${VIEW[stmt.value.type]}[${names.column(stmt.slot)} + item] = ${exprText(names, stmt.value)}`;
    case 'store': {
      const { array, operator } = stmt;
      const { dtype } = array;
      const index = exprText(names, stmt.index);
      const value = exprText(names, stmt.value);
      if (operator === null && !stmt.check) return `${VIEW[dtype]}[${names.start(array)} + ${index}] = ${value}`;
      const place = `${VIEW[dtype]}, ${names.start(array)}, ${stmt.check ? names.length(array.length) : 'Infinity'}, ${index}`;
      if (operator === null) return `write(${place}, ${value})`;
      return `update(${place}, ${value}, (a, b) => ${binaryText(operator, dtype, 'a', 'b')})`;
    }
    default:
      throw new Error(`${stmt.op} inside an expression`);
  }
}

/** Statements as lines, indented by two spaces per level below `indent`. */
export function stmtLines(names: JsNames, stmts: readonly Stmt[], indent: string): string[] {
  return stmts.flatMap((stmt) => oneStmt(names, stmt, indent));
}

function oneStmt(names: JsNames, stmt: Stmt, indent: string): string[] {
  const inner = `${indent}  `;
  switch (stmt.op) {
    case 'if': {
      const head = `${indent}if (${exprText(names, stmt.condition)}) {`;
      const then = stmtLines(names, stmt.then, inner);
      if (stmt.else.length === 0) return [head, ...then, `${indent}}`];
      return [head, ...then, `${indent}} else {`, ...stmtLines(names, stmt.else, inner), `${indent}}`];
    }
    case 'loop': {
      const condition = stmt.condition === null ? '' : exprText(names, stmt.condition);
      const update = stmt.update.map((s) => effectText(names, s)).join(', ');
      const body = stmtLines(names, stmt.body, inner);
      if (stmt.test === 'after') return [`${indent}do {`, ...body, `${indent}} while (${condition || 'true'});`];
      return [`${indent}for (; ${condition}; ${update}) {`, ...body, `${indent}}`];
    }
    case 'break':
    case 'continue':
      return [`${indent}${stmt.op};`];
    case 'return':
      return [`${indent}${names.leave(stmt.values.map((value) => exprText(names, value)))}`];
    case 'items':
      return names.items(stmt, indent);
    case 'callInto':
      return [`${indent}[${stmt.locals.map(names.local).join(', ')}] = ${exprText(names, stmt.call)};`];
    case 'push': {
      const count = names.count(stmt.list);
      const values = stmt.values.map((value, i) => `${inner}const value_${i} = ${exprText(names, value)};`);
      const stores = stmt.slots.map((slot, i) => {
        const dtype = stmt.values[i]?.type ?? 'u32';
        const start = names.start({ kind: 'outList', slot, length: { kind: 'outList', slot: stmt.list }, dtype });
        return `${inner}  ${VIEW[dtype]}[${start} + ${count}] = value_${i};`;
      });
      return [
        `${indent}{`,
        ...values,
        `${inner}if (${count} < ${names.length({ kind: 'capacity', slot: stmt.list })}) {`,
        ...stores,
        `${inner}  ${count}++;`,
        `${inner}} else violations++;`,
        `${indent}}`,
      ];
    }
    default:
      return [`${indent}${effectText(names, stmt)};`];
  }
}
