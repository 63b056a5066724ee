import type { VExpr, VStmt, VectorBody } from './vector-form.js';
import { blocksOfVector, operandsOfValue, walkVector } from './walk-vector.js';

/** Going on to the next id. */
const ROUND = 3;

/** What a body costs, in simple instructions, for as many ids as there are lanes. */
export interface VectorCost {
  readonly vector: number;
  /** The same work id by id. */
  readonly scalar: number;
}

/** A loop is taken to run so often; only the proportions between code inside and outside depend on it. */
const ROUNDS = 8;
/** A loop that lanes leave one by one runs until the last is done. */
const IDLE_LANES = 1.5;
/** The estimate must promise so much before vectors are taken, unless a target says otherwise. */
const MARGIN = 1.1;

/**
 * The static rule by which a form is chosen: vectors where the estimated instructions of the vector form are fewer than
 * those of the scalar form, with a margin. Neighbouring accesses and arithmetic cost one instruction for all lanes.
 * Accesses of single lanes cost more than in the scalar form, because indexes and values are taken out of vectors and
 * put into them; loops that lanes leave one by one wait for the last. So kernels of arithmetic become vectors, and
 * kernels that follow indexes through memory in such loops stay scalar.
 */
export function isWorthwhile(bodies: Iterable<VectorBody>, lanes: number, margin = MARGIN): boolean {
  let vector = 0;
  let scalar = 0;
  for (const body of bodies) {
    const cost = costOf(body, lanes);
    vector += cost.vector;
    scalar += cost.scalar;
  }
  return vector * margin < scalar;
}

export function costOf({ body }: VectorBody, lanes: number): VectorCost {
  return plus({ vector: ROUND, scalar: ROUND * lanes }, costOfBlock(body, lanes));
}

function costOfBlock(stmts: readonly VStmt[], lanes: number): VectorCost {
  let vector = 0;
  let scalar = 0;
  for (const stmt of stmts) {
    const cost = costOfStmt(stmt, lanes);
    vector += cost.vector;
    scalar += cost.scalar;
  }
  return { vector, scalar };
}

function costOfStmt(stmt: VStmt, lanes: number): VectorCost {
  const inner = blocksOfVector(stmt).map((block) => costOfBlock(block, lanes));
  const sum = (pick: (cost: VectorCost) => number): number => inner.reduce((total, cost) => total + pick(cost), 0);
  const own = ownCost(stmt, lanes);
  if (stmt.op !== 'loop')
    return { vector: own.vector + sum((c) => c.vector), scalar: own.scalar + sum((c) => c.scalar) };
  const idle = isLeftByLanes(stmt.body) ? IDLE_LANES : 1;
  return { vector: ROUNDS * idle * sum((c) => c.vector), scalar: ROUNDS * sum((c) => c.scalar) };
}

/** Addresses, bounds checks and masks make an access of one lane dearer than one of the scalar form. */
const SCALAR_ACCESS = 3;
const LANE_ACCESS = 5;
const QUAD_ACCESS = 4;

function ownCost(stmt: VStmt, lanes: number): VectorCost {
  switch (stmt.op) {
    case 'set':
    case 'setGroup':
      return costOfValue(stmt.value, lanes);
    case 'load':
      return plus(accessCost(stmt.access, lanes), costOfValue(stmt.index, lanes));
    case 'store':
      return plus(plus(accessCost(stmt.access, lanes), costOfValue(stmt.index, lanes)), costOfValue(stmt.value, lanes));
    case 'storeItem':
    case 'storeSpill':
      return plus(accessCost('unit', lanes), costOfValue(stmt.value, lanes));
    case 'loadItem':
    case 'loadSpill':
      return accessCost('unit', lanes);
    case 'atomic':
      return plus({ vector: LANE_ACCESS * lanes, scalar: SCALAR_ACCESS * lanes }, ATOMIC(lanes));
    case 'if':
      return plus({ vector: 1, scalar: lanes }, costOfValue(stmt.condition, lanes));
    case 'leave':
      return stmt.when === null ? { vector: 0, scalar: 0 } : { vector: 2, scalar: lanes };
    case 'loop':
    case 'block':
      return { vector: 0, scalar: 0 };
  }
}

function accessCost(access: 'uniform' | 'unit' | 'lanes', lanes: number): VectorCost {
  const vector = { uniform: SCALAR_ACCESS, unit: QUAD_ACCESS, lanes: LANE_ACCESS * lanes }[access];
  return { vector, scalar: SCALAR_ACCESS * lanes };
}

/** The operation itself, one lane after the other in both forms. */
const ATOMIC = (lanes: number): VectorCost => ({ vector: 4 * lanes, scalar: 4 * lanes });

/** Masks exist in the vector form only; shuffling between scalars and lanes, too. */
function costOfValue(value: VExpr, lanes: number): VectorCost {
  const operands = operandsOfValue(value).map((operand) => costOfValue(operand, lanes));
  const all = operands.reduce(plus, { vector: 0, scalar: 0 });
  switch (value.op) {
    case 'leaf':
    case 'first':
    case 'var':
      return all;
    case 'lanes':
    case 'splat':
    case 'mask':
    case 'keep':
    case 'any':
    case 'lane0':
      return { vector: all.vector + 1, scalar: all.scalar };
    case 'unary':
    case 'binary':
    case 'select':
    case 'cast':
    case 'bitcast':
      return plus(all, { vector: value.varying ? slowness(value, lanes) : 1, scalar: lanes });
  }
}

/** Instructions for all lanes of an operator, against one for each id. */
function slowness(value: VExpr, lanes: number): number {
  const isInteger = value.type === 'i32' || value.type === 'u32';
  if (value.op === 'select') return 2;
  if (value.op === 'unary') return value.operator === 'clz' || value.operator === 'ctz' ? 2 * lanes : 1;
  if (value.op !== 'binary' || !isInteger) return 1;
  if (value.operator === 'div' || value.operator === 'rem') return 2 * lanes;
  const isShift = value.operator === 'shl' || value.operator === 'shr' || value.operator === 'ushr';
  return isShift && value.right.op !== 'splat' ? 2 * lanes : 1;
}

function plus(a: VectorCost, b: VectorCost): VectorCost {
  return { vector: a.vector + b.vector, scalar: a.scalar + b.scalar };
}

/** Whether a round ends the loop only when the last lane is done. */
function isLeftByLanes(body: readonly VStmt[]): boolean {
  let found = false;
  walkVector(body, {
    stmt: (s) => {
      found ||= s.op === 'leave' && s.when?.op === 'unary' && s.when.value.op === 'any';
    },
  });
  return found;
}
