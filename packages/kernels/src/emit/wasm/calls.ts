import type { CallExpr, IrFunction } from '../../ir/nodes.js';
import { countNodes } from '../../ir/walk.js';
import { Code, valOf } from './code.js';
import { emitExpr, emitReady } from './expressions.js';
import type { ArrayPlace, Frame, ModuleContext, Surroundings } from './frame.js';
import type { WasmFunction } from './module.js';
import { OP } from './opcodes.js';
import type { Val } from './opcodes.js';
import { emitStmts } from './statements.js';

/** Helpers up to this size are inlined: Node 20 does not inline WebAssembly calls itself. */
const INLINE_NODES = 80;

export function isInlined(fn: IrFunction): boolean {
  return countNodes(fn.body) <= INLINE_NODES;
}

export function emitCall(frame: Frame, call: CallExpr): void {
  const helper = frame.module.helpers[call.helper];
  if (helper === undefined) throw new Error(`no helper ${call.helper}`);
  if (helper.index === null) {
    emitInlined(frame, helper.fn, call);
    return;
  }
  for (const arg of call.args) {
    if (arg.kind === 'scalar') {
      emitExpr(frame, arg.value);
      continue;
    }
    const place = frame.around.place(arg.array);
    frame.code.get(place.address);
    emitReady(frame.code, place.length);
  }
  frame.code.call(helper.index);
}

function emitInlined(frame: Frame, fn: IrFunction, call: CallExpr): void {
  const { code } = frame;
  const places = call.args.map((arg) => (arg.kind === 'array' ? frame.around.place(arg.array) : undefined));
  const locals = fn.locals.map((local) => code.local(valOf(local.type)));
  fn.args.forEach((arg, i) => {
    const given = call.args[i];
    if (arg.kind !== 'scalar' || given?.kind !== 'scalar') return;
    emitExpr(frame, given.value);
    code.set(locals[arg.local] ?? 0);
  });
  const exit = code.open(OP.block, fn.results[0] === undefined ? undefined : valOf(fn.results[0]));
  emitStmts({ ...frame, fn, locals, exit, around: argumentsOnly(places), breaks: [], continues: [] }, fn.body);
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
    { code, fn, locals, around: argumentsOnly(places), exit: undefined, breaks: [], continues: [], module },
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
    itemAddress: refuse,
    count: refuse,
  };
}
