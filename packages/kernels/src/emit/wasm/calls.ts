import type { CallExpr, IrFunction } from '../../ir/nodes.js';
import { countNodes, countNodesInPlace } from '../../ir/walk.js';
import { Code, valOf } from './code.js';
import { emitExpr, emitReady } from './expressions.js';
import type { ArrayPlace, Frame, HelperCode, ModuleContext, Surroundings } from './frame.js';
import type { WasmFunction } from './module.js';
import { OP } from './opcodes.js';
import type { Val } from './opcodes.js';
import { emitStmts } from './statements.js';

/** Helpers up to this size are inlined: Node 20 does not inline WebAssembly calls itself. The size of `exp` and `log`. */
const INLINE_NODES = 120;
/** Inlined helpers call inlined helpers: so large they may become together. */
const INLINE_NODES_IN_ALL = 1000;
/** Private copies are not handed to helpers. */
const NO_COPIES: ReadonlyMap<number, number> = new Map();

/** Which of the helpers are inlined; each stands after those it calls. */
export function inlined(helpers: readonly IrFunction[]): readonly boolean[] {
  const sizes: number[] = [];
  return helpers.map(({ body }) => {
    const size = countNodesInPlace(body, sizes);
    const isInlined = countNodes(body) <= INLINE_NODES && size <= INLINE_NODES_IN_ALL;
    sizes.push(isInlined ? size : 0);
    return isInlined;
  });
}

/** Leaves the helper's result, if it has one, on the stack. */
export function emitCall(frame: Frame, call: CallExpr): void {
  const { fn, index } = helperOf(frame, call);
  if (index === null) emitInlined(frame, fn, call);
  else emitCalled(frame, call, index);
}

/** A call of a helper with several results, into one local each. */
export function emitCallInto(frame: Frame, call: CallExpr, targets: readonly number[]): void {
  const { fn, index } = helperOf(frame, call);
  if (index === null) {
    emitInlined(frame, fn, call, targets);
    return;
  }
  emitCalled(frame, call, index);
  for (const local of [...targets].reverse()) frame.code.set(local);
}

function helperOf(frame: Frame, call: CallExpr): HelperCode {
  const helper = frame.module.helpers[call.helper];
  if (helper === undefined) throw new Error(`no helper ${call.helper}`);
  return helper;
}

function emitCalled(frame: Frame, call: CallExpr, index: number): void {
  for (const arg of call.args) {
    if (arg.kind === 'scalar') {
      emitExpr(frame, arg.value);
      continue;
    }
    const place = frame.around.place(arg.array);
    frame.code.get(place.address);
    emitReady(frame.code, place.length);
  }
  frame.code.call(index);
}

/** With `results` the helper's values go to these locals, else its one value stays on the stack. */
function emitInlined(frame: Frame, fn: IrFunction, call: CallExpr, results?: readonly number[]): void {
  const { code } = frame;
  const places = call.args.map((arg) => (arg.kind === 'array' ? frame.around.place(arg.array) : undefined));
  const locals = fn.locals.map((local) => code.local(valOf(local.type)));
  fn.args.forEach((arg, i) => {
    const given = call.args[i];
    if (arg.kind !== 'scalar' || given?.kind !== 'scalar') return;
    emitExpr(frame, given.value);
    code.set(locals[arg.local] ?? 0);
  });
  const [first] = fn.results;
  const exit = code.open(OP.block, first === undefined || results !== undefined ? undefined : valOf(first));
  const { module } = frame;
  emitStmts(
    {
      code,
      fn,
      locals,
      exit,
      module,
      around: argumentsOnly(places),
      copies: NO_COPIES,
      breaks: [],
      continues: [],
      ...(results && { results }),
    },
    fn.body,
  );
  // Every path of a helper with a result returns, which validation cannot see.
  if (fn.results.length > 0) code.op(OP.unreachable);
  code.end();
}

/** A helper as a function of its own: scalars by value, arrays as address and length. */
export function emitHelper(fn: IrFunction, module: ModuleContext): WasmFunction {
  const params: Val[] = [];
  const places: (ArrayPlace | undefined)[] = [];
  const scalars = new Map<number, number>();
  for (const arg of fn.args) {
    const at = params.length;
    if (arg.kind === 'scalar') {
      scalars.set(arg.local, at);
      params.push(valOf(arg.dtype));
      places.push(undefined);
    } else {
      params.push('i32', 'i32');
      places.push({ address: at, length: { local: at + 1 } });
    }
  }
  const code = new Code(params.length);
  const locals = fn.locals.map((local, i) => scalars.get(i) ?? code.local(valOf(local.type)));
  emitStmts(
    {
      code,
      fn,
      locals,
      around: argumentsOnly(places),
      exit: undefined,
      copies: NO_COPIES,
      breaks: [],
      continues: [],
      module,
    },
    fn.body,
  );
  if (fn.results.length > 0) code.op(OP.unreachable);
  return { params, results: fn.results.map(valOf), code: code.finish() };
}

/** A helper sees nothing but its arguments. */
function argumentsOnly(places: readonly (ArrayPlace | undefined)[]): Surroundings {
  const placeOf = (arg: number): ArrayPlace => {
    const place = places[arg];
    if (place === undefined) throw new Error(`argument ${arg} is not an array`);
    return place;
  };
  const refuse = (): never => {
    throw new Error('a helper reaches only its arguments');
  };
  return {
    place: (array) => (array.kind === 'arg' ? placeOf(array.arg) : refuse()),
    length: (length) => (length.kind === 'arg' ? placeOf(length.arg).length : refuse()),
    uniform: refuse,
    item: refuse,
    id: refuse,
    inRange: refuse,
    items: refuse,
    itemAddress: refuse,
    count: refuse,
  };
}
