import type { IrKernel, Stmt } from '../ir/nodes.js';
import { hasBarrier, rewriteBlock } from '../ir/walk.js';
import { uniformityOf } from './uniformity.js';

/**
 * The kernel with a barrier at the end of every branch that has one inside, and before jumps out of loops with one.
 *
 * PoCL (seen with 3.1) copies what follows a barrier once for every jump from there to where branches join, and sends the
 * whole group into the copy that its first id chose. In optimised code an `if` of ids at the end of a branch jumps to that
 * place directly, and then all ids do what the first one does. From behind a barrier they go there together.
 */
export function withClosedBranches(kernel: IrKernel): IrKernel {
  if (!hasBarrier(kernel.main.body)) return kernel;
  const added = new Set<Stmt>();
  const body = close(kernel.main.body, { isBranch: false, isRound: false }, added);
  const closed: IrKernel = { ...kernel, main: { ...kernel.main, body } };
  const uniformity = uniformityOf(closed);
  // Ids that do not arrive together cannot meet.
  const block = (stmts: readonly Stmt[]): readonly Stmt[] =>
    stmts.filter((stmt) => !added.has(stmt) || uniformity.isUniformFlow(stmt));
  return { ...closed, main: { ...closed.main, body: rewriteBlock(body, { expr: (e) => e, block }) } };
}

interface Place {
  readonly isBranch: boolean;
  /** The loop around has a barrier inside. */
  readonly isRound: boolean;
}

function close(stmts: readonly Stmt[], { isBranch, isRound }: Place, added: Set<Stmt>): readonly Stmt[] {
  const branch = (inner: readonly Stmt[]): readonly Stmt[] => close(inner, { isBranch: true, isRound }, added);
  const inside = stmts.map((stmt): Stmt => {
    if (stmt.op === 'if') return { ...stmt, then: branch(stmt.then), else: branch(stmt.else) };
    if (stmt.op !== 'loop') return stmt;
    return { ...stmt, body: close(stmt.body, { isBranch: false, isRound: hasBarrier(stmt.body) }, added) };
  });
  const last = stmts.at(-1);
  if (last === undefined) return inside;
  const leaves = isRound && (last.op === 'break' || last.op === 'continue' || last.op === 'return');
  const end = leaves ? stmts.length - 1 : stmts.length;
  const isOpen = (leaves || (isBranch && hasBarrier(stmts))) && stmts[end - 1]?.op !== 'barrier';
  if (!isOpen) return inside;
  const barrier: Stmt = { op: 'barrier', at: last.at };
  added.add(barrier);
  return [...inside.slice(0, end), barrier, ...inside.slice(end)];
}
