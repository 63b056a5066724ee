import type { Stmt } from '../../ir/nodes.js';
import type { Code } from './code.js';
import type { Frame, Surroundings } from './frame.js';
import { ARITHMETIC, COMPARE, OP } from './opcodes.js';
import { RUN } from './slots.js';
import { emitStmts } from './statements.js';

/** What a kind of kernel does around its bodies, and where they find things. */
export interface Driver {
  readonly around: Surroundings;
  /** Loads what every body needs, at the entry of `run`. */
  enter(): void;
  /** Runs the form's body for the whole range of `run`; may be emitted more than once. */
  run(frame: Frame, body: readonly Stmt[]): void;
}

/** Runs what `each` emits with `current` going through the range of `run`. */
export function emitRange(code: Code, current: number, each: () => void): void {
  const end = code.local('i32');
  code.get(RUN.first).tee(current).get(RUN.count).op(ARITHMETIC.u32.add).set(end);
  const done = code.open(OP.block);
  code.get(RUN.count).op(OP.i32Eqz).brIf(done);
  const again = code.open(OP.loop);
  each();
  code.get(current).i32(1).op(ARITHMETIC.u32.add).tee(current).get(end).op(COMPARE.u32.ne).brIf(again);
  code.end().end();
}

/** The body of one id or item; a return leaves it. */
export function emitIdBody(frame: Frame, body: readonly Stmt[]): void {
  const exit = frame.code.open(OP.block);
  emitStmts({ ...frame, exit, breaks: [], continues: [] }, body);
  frame.code.end();
}

export function missing(): never {
  throw new Error('not reachable in this kind of kernel');
}
