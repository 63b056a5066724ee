import type { CallExpression, Expression } from 'acorn';
import { sizeOf } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import type { AtomicOperator, CallExpr, Expr, MathFunction, UnaryOperator } from '../ir/nodes.js';
import { argumentsOf, exactly } from './call-arguments.js';
import { Finding } from './diagnostics.js';
import type { FunctionState } from './function-state.js';
import { lowerHelperCall } from './helper-calls.js';
import { isFloat } from './operators.js';
import { describe, indexExpr, offsetOf, resolve } from './resolve.js';
import { boolLiteral, combine, literal, typed } from './values.js';
import type { Lowered } from './values.js';

const DTYPES: ReadonlySet<string> = new Set(['f32', 'f64', 'i32', 'u32', 'i64', 'u64', 'bool']);
const ATOMICS: Readonly<Record<string, AtomicOperator>> = {
  atomicAdd: 'add',
  atomicMin: 'min',
  atomicMax: 'max',
  atomicAnd: 'and',
  atomicOr: 'or',
  atomicXor: 'xor',
  atomicLoad: 'load',
  atomicStore: 'store',
  atomicExchange: 'exchange',
  atomicCompareExchange: 'compareExchange',
};
const FLOAT_ATOMICS: ReadonlySet<AtomicOperator> = new Set(['add', 'load', 'store', 'exchange']);
const MATH: Readonly<Record<MathFunction, number>> = { exp: 1, log: 1, sin: 1, cos: 1, pow: 2, fma: 3 };

/** Any call that may stand in an expression; `push` and `barrier` are statements and handled there. */
export function lowerCall(f: FunctionState, node: CallExpression, at: number): Lowered | CallExpr {
  const callee = resolve(f, node.callee);
  switch (callee?.kind) {
    case 'intrinsic':
      return lowerIntrinsic(f, callee.name, argumentsOf(f, node), at);
    case 'helper':
      return lowerHelperCall(f, callee.definition, node, at);
    case 'get': {
      const [index] = exactly(callee.kind, argumentsOf(f, node), 1, at);
      if (!index) throw new Error('one argument');
      const { array } = callee.of;
      return { op: 'load', type: array.dtype, array, index: indexExpr(f, index), check: true, at };
    }
    case 'push':
      throw new Finding('not-a-value', 'push gives no value; write it as a statement', at);
    case 'barrier':
      throw new Finding('not-a-value', 'k.barrier() gives no value; write it as a statement', at);
    default:
      throw new Finding(
        'free-name',
        `${callee ? describe(callee) : 'this'} cannot be called; call intrinsics as k.name(…) and helpers as k.uses.name({…})`,
        at,
      );
  }
}

function lowerIntrinsic(f: FunctionState, name: string, args: Expression[], at: number): Lowered {
  const take = (count: number): Lowered[] => exactly(`k.${name}`, args, count, at).map((arg) => f.lower.value(f, arg));
  if (DTYPES.has(name)) {
    const [value] = take(1);
    if (!value) throw new Error('one argument');
    return cast(value, name as DType, at);
  }
  if (name in ATOMICS) return lowerAtomic(f, name, args, at);
  switch (name) {
    case 'bitcast':
      return lowerBitcast(f, exactly('k.bitcast', args, 2, at), at);
    case 'select': {
      const [test, yes, no] = exactly('k.select', args, 3, at);
      if (!test || !yes || !no) throw new Error('three arguments');
      const condition = f.lower.condition(f, test);
      return combine([f.lower.value(f, yes), f.lower.value(f, no)], at, ([whenTrue, whenFalse]) => {
        if (!whenTrue || !whenFalse) throw new Error('two values');
        return { op: 'select', type: whenTrue.type, condition, whenTrue, whenFalse, at };
      });
    }
    case 'min':
    case 'max':
      return combine(take(2), at, (parts) => minMax(name, parts, at));
    case 'clamp':
      return combine(take(3), at, ([x, low, high]) => minMax('min', [minMax('max', [x, low], at), high], at));
    case 'exp':
    case 'log':
    case 'sin':
    case 'cos':
    case 'pow':
    case 'fma':
      return combine(take(MATH[name]), at, (operands) => mathCall(name, operands, at));
    default:
      return combine(take(1), at, ([value]) => unaryIntrinsic(name as UnaryOperator, value, at));
  }
}

function minMax(operator: 'min' | 'max', [left, right]: readonly (Expr | undefined)[], at: number): Expr {
  if (!left || !right) throw new Error('two operands');
  if (left.type === 'bool') throw new Finding('operator-type', `k.${operator} does not apply to bool`, at);
  return { op: 'binary', type: left.type, operator, left, right, at };
}

function mathCall(fn: MathFunction, args: readonly Expr[], at: number): Expr {
  const type = args[0]?.type ?? 'f64';
  if (!isFloat(type))
    throw new Finding(
      'operator-type',
      `k.${fn} wants f32 or f64, got ${type}; write k.f32(…) or k.f64(…) around it`,
      at,
    );
  return { op: 'math', type, fn, args, at };
}

function unaryIntrinsic(operator: UnaryOperator, value: Expr | undefined, at: number): Expr {
  if (value === undefined) throw new Error('one operand');
  const { type } = value;
  const bits = operator === 'popcount' || operator === 'clz' || operator === 'ctz';
  const fits =
    operator === 'abs'
      ? type !== 'bool' && type !== 'u32' && type !== 'u64'
      : isFloat(type) !== bits && type !== 'bool';
  if (!fits || (!bits && operator !== 'abs' && !isFloat(type))) {
    const wants = bits ? 'i32, u32, i64 or u64' : operator === 'abs' ? 'a signed type' : 'f32 or f64';
    throw new Finding('operator-type', `k.${operator} wants ${wants}, got ${type}`, at);
  }
  return { op: 'unary', type, operator, value, at };
}

function cast(value: Lowered, type: DType, at: number): Expr {
  if (value.op === 'poly') return castLiteral(value, type, at);
  return value.type === type ? value : { op: 'cast', type, value, at };
}

/** A literal takes the cast's type; k.i64(5) may be written with a plain number. */
function castLiteral(value: Lowered & { op: 'poly' }, type: DType, at: number): Expr {
  if (type === 'bool') {
    const number = value.build('f64');
    if (number.op === 'literal') return boolLiteral(number.value !== 0, at);
    throw new Finding('untyped-literal', 'write true or false', at);
  }
  try {
    return { ...value.build(type), at };
  } catch (e) {
    if (!(e instanceof Finding) || e.rule !== 'bigint-literal') throw e;
    const wide = type === 'i64' || type === 'u64';
    if (!wide) throw e;
    const number = value.build('f64');
    if (number.op !== 'literal' || !Number.isInteger(number.value)) throw e;
    return literal(type, BigInt(number.value), at);
  }
}

function lowerBitcast(f: FunctionState, [target, operand]: Expression[], at: number): Expr {
  const name = target?.type === 'Literal' ? target.value : undefined;
  if (typeof name !== 'string' || !DTYPES.has(name) || name === 'bool' || !operand) {
    throw new Finding('arguments', "k.bitcast takes the name of a type first: k.bitcast('u32', x)", at);
  }
  const type = name as DType;
  const value = typed(f.lower.value(f, operand), undefined);
  if (value.type === 'bool' || sizeOf(value.type) !== sizeOf(type)) {
    throw new Finding('type-mismatch', `${value.type} and ${type} differ in size; bitcast keeps the bits`, at);
  }
  return value.type === type ? value : { op: 'bitcast', type, value, at };
}

function lowerAtomic(f: FunctionState, name: string, args: Expression[], at: number): Expr {
  const operator = ATOMICS[name] ?? 'load';
  const count = operator === 'load' ? 2 : operator === 'compareExchange' ? 4 : 3;
  const [arrayNode, indexNode, ...operands] = exactly(`k.${name}`, args, count, at);
  if (!arrayNode || !indexNode) throw new Error('two arguments');
  const entity = resolve(f, arrayNode);
  if (entity?.kind !== 'atomics') {
    throw new Finding(
      'arguments',
      `k.${name} takes a parameter declared with atomic(…) or a shared array declared with sharedAtomic(…) first`,
      offsetOf(f, arrayNode),
    );
  }
  const { array, param } = entity;
  if (array.dtype === 'f32' && !FLOAT_ATOMICS.has(operator)) {
    throw new Finding(
      'operator-type',
      `k.${name} does not apply to f32; atomics of f32 are atomicAdd, atomicLoad, atomicStore and atomicExchange`,
      at,
    );
  }
  const index = indexExpr(f, indexNode);
  const [first, second] = operands.map((node) =>
    typed(f.lower.value(f, node), array.dtype, `the value for '${param}'`),
  );
  const [expected, value] = operator === 'compareExchange' ? [first, second] : [null, first];
  return {
    op: 'atomic',
    type: array.dtype,
    operator,
    array,
    index,
    value: value ?? null,
    expected: expected ?? null,
    check: true,
    at,
  };
}
