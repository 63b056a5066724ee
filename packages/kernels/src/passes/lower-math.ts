import { mathLibrary } from '../library/math-library.js';
import type { CallArg, CallExpr, Expr, IrFunction, IrKernel, MathFunction, Stmt } from '../ir/nodes.js';
import { rewriteBlock, walkStmts } from '../ir/walk.js';

/**
 * Replaces `math` nodes by calls of the library written in the kernel language, which gives the same bits on every
 * target. The library functions that are used stand before the kernel's own helpers, each once.
 *
 * @param native - functions the target computes itself, correctly rounded: `fma` where it is an instruction.
 */
export function lowerMath(kernel: IrKernel, native: ReadonlySet<MathFunction> = new Set()): IrKernel {
  const linked = new Map<string, number>();
  const library: IrFunction[] = [];
  const link = (fn: MathFunction, type: Expr['type']): number => {
    const functions = mathLibrary(fn, type);
    const at = (index: number): number => indexOf(linked, functions[index]);
    for (const callee of functions) {
      if (linked.has(callee.name)) continue;
      const body = redirect(callee.body, at, (e) => e);
      linked.set(callee.name, library.push({ ...callee, body }) - 1);
    }
    return at(functions.length - 1);
  };
  const functions = [kernel.main, ...kernel.helpers];
  for (const { body } of functions) {
    walkStmts(body, { expr: (e) => void (e.op === 'math' && !native.has(e.fn) && link(e.fn, e.type)) });
  }
  if (library.length === 0) return kernel;
  const lower = (e: Expr): Expr => {
    if (e.op !== 'math' || native.has(e.fn)) return e;
    const args = e.args.map((value): CallArg => ({ kind: 'scalar', value }));
    return { op: 'call', type: e.type, helper: link(e.fn, e.type), args, at: e.at };
  };
  const [main, ...helpers] = functions.map((fn) => ({
    ...fn,
    body: redirect(fn.body, (index) => index + library.length, lower),
  }));
  return { ...kernel, main: main ?? kernel.main, helpers: [...library, ...helpers] };
}

function indexOf(linked: ReadonlyMap<string, number>, fn: IrFunction | undefined): number {
  const index = fn && linked.get(fn.name);
  if (index === undefined) throw new Error('a library function stands before those it calls');
  return index;
}

/** The body with other numbers for its helpers; `lower` gets every expression that is no call. */
function redirect(
  stmts: readonly Stmt[],
  index: (helper: number) => number,
  lower: (expr: Expr) => Expr,
): readonly Stmt[] {
  const call = <C extends CallExpr>(e: C): C => ({ ...e, helper: index(e.helper) });
  return rewriteBlock(stmts, {
    expr: (e) => (e.op === 'call' ? call(e) : lower(e)),
    block: (block) =>
      block.map((s): Stmt => {
        // Calls that stand as statements are no expressions, so the rewriting has not met them.
        if (s.op === 'callInto') return { ...s, call: call(s.call) };
        return s.op === 'do' && s.value.op === 'call' ? { ...s, value: call(s.value) } : s;
      }),
  });
}
