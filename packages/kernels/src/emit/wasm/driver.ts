import type { Stmt } from '../../ir/nodes.js';
import type { Code } from './code.js';
import { emitReady } from './expressions.js';
import type { Frame, Ready, Surroundings } from './frame.js';
import { ARITHMETIC, COMPARE, OP } from './opcodes.js';
import type { EmittedVector } from './simd/vector-items.js';
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

/** Runs what `each` emits with `current` going through the range of `run`; a vector form as in `emitUpTo`. */
export function emitRange(code: Code, current: number, each: () => void, vector: EmittedVector | null = null): void {
  const end = code.local('i32');
  code.get(RUN.first).tee(current).get(RUN.count).op(ARITHMETIC.u32.add).set(end);
  if (vector !== null) {
    emitUpTo(code, current, { local: end }, each, vector);
    return;
  }
  const done = code.open(OP.block);
  code.get(RUN.count).op(OP.i32Eqz).brIf(done);
  const again = code.open(OP.loop);
  each();
  code.get(current).i32(1).op(ARITHMETIC.u32.add).tee(current).get(end).op(COMPARE.u32.ne).brIf(again);
  code.end().end();
}

/**
 * Runs what `each` emits with `current` going on to `end`. Where there is a vector form, it takes as many ids as fill
 * vectors, and `each` the rest.
 */
export function emitUpTo(
  code: Code,
  current: number,
  end: Ready,
  each: () => void,
  vector: EmittedVector | null,
): void {
  const step = (count: number, emit: () => void): void => {
    const isEnough = (): void => {
      emitReady(code, end);
      code.get(current);
      if (count === 1) code.op(COMPARE.u32.ne);
      else code.op(ARITHMETIC.u32.sub).i32(count).op(COMPARE.u32.ge);
    };
    isEnough();
    code.open(OP.if);
    const again = code.open(OP.loop);
    emit();
    code.get(current).i32(count).op(ARITHMETIC.u32.add).set(current);
    isEnough();
    code.brIf(again).end().end();
  };
  if (vector !== null) step(vector.lanes, vector.emit);
  step(1, each);
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
