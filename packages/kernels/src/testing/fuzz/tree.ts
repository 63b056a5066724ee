/**
 * Random programs as trees of numbers. Whatever the numbers are, they stand for a program: the renderer takes every choice
 * from them, and 0 is always the simplest one. So fast-check can shrink a program by dropping parts and lowering numbers.
 */
import fc from 'fast-check';

export interface ExprTree {
  readonly pick: number;
  readonly kids: readonly ExprTree[];
}
export interface StmtTree {
  readonly pick: number;
  readonly exprs: readonly ExprTree[];
  readonly blocks: readonly (readonly StmtTree[])[];
}
export interface ProgramTree {
  /** Kind of kernel, precision, sizes. */
  readonly shape: number;
  /** Where the inputs come from. */
  readonly data: number;
  readonly helpers: readonly {
    readonly pick: number;
    readonly body: readonly StmtTree[];
    readonly results: readonly ExprTree[];
  }[];
  readonly body: readonly StmtTree[];
  readonly results: readonly ExprTree[];
}

// Without the bias towards small numbers, which would make most choices the simplest.
const pick = fc.noBias(fc.nat(2 ** 30));

function exprs(depth: number): fc.Arbitrary<ExprTree> {
  const kids = depth === 0 ? fc.constant([]) : fc.array(exprs(depth - 1), { maxLength: 3, size: 'max' });
  return fc.record({ pick, kids });
}

function stmts(depth: number, maxLength: number): fc.Arbitrary<StmtTree[]> {
  const blocks = depth === 0 ? fc.constant([]) : fc.array(stmts(depth - 1, 3), { maxLength: 2, size: 'max' });
  const stmt = fc.record({ pick, exprs: fc.array(EXPR, { maxLength: 3, size: 'max' }), blocks });
  return fc.array(stmt, { maxLength, size: 'max' });
}

const EXPR = exprs(3);

export const programTree: fc.Arbitrary<ProgramTree> = fc.record({
  shape: pick,
  data: pick,
  helpers: fc.array(fc.record({ pick, body: stmts(1, 3), results: fc.array(EXPR, { minLength: 1, maxLength: 2 }) }), {
    maxLength: 2,
    size: 'max',
  }),
  body: stmts(3, 10),
  results: fc.array(EXPR, { maxLength: 7, size: 'max' }),
});

/** Takes choices out of one number; when it is used up, every choice is 0. */
export class Picks {
  constructor(private rest: number) {}

  below(limit: number): number {
    const taken = this.rest % limit;
    this.rest = Math.floor(this.rest / limit);
    return taken;
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
}
