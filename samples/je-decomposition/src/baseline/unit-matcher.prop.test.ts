import { describe, expect, it } from 'vitest';

import { Random } from '../journal/random.js';
import { matchUnits, type Cell, type Unit } from '../rules/oracle.js';
import { UnitMatcher, allocateUnitSide, type UnitSide } from './unit-matcher.js';

const SEED = 97;
const PROBLEMS = 1500;
const CAPACITY = 80;

interface Problem {
  readonly a: readonly number[];
  readonly b: readonly number[];
}

/** Sides whose sums are equal: a partition that can be found in some problems, chance in the others. */
function randomProblem(random: Random): Problem {
  const range = [4, 30, 400, 1e6][random.below(4)]!;
  const targets = 2 + random.below(5);
  const sums = new Array<number>(targets).fill(0);
  const pool = Array.from({ length: targets + 1 + random.below(12) }, (_, i) => {
    const amount = 1 + random.below(range);
    sums[i < targets ? i : random.below(targets)]! += amount;
    return amount;
  });
  for (let i = pool.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [pool[i], pool[j]] = [pool[j]!, pool[i]!];
  }
  if (random.below(3) === 0 && sums[1]! > 1) {
    sums[0]! += 1;
    sums[1]! -= 1;
  }
  return random.below(2) === 0 ? { a: sums, b: pool } : { a: pool, b: sums };
}

const matcher = new UnitMatcher(CAPACITY);
const sides = { a: allocateUnitSide(CAPACITY), b: allocateUnitSide(CAPACITY) };

/** Cells as sorted lists of positions, in order: equal for equal divisions. */
type Division = string[] | undefined;

function plainMatch(problem: Problem, budget: number): Division {
  for (const name of ['a', 'b'] as const) {
    const side: UnitSide = sides[name];
    side.count = problem[name].length;
    side.amount.set(problem[name]);
    matcher.sort(side);
  }
  if (!matcher.match(sides.a, sides.b, budget)) return undefined;
  const cells = Array.from({ length: Math.min(sides.a.count, sides.b.count) }, (_, cell) => {
    const positions = (side: UnitSide): string =>
      [...side.cell.keys()].filter((i) => i < side.count && side.cell[i] === cell).join();
    return `${positions(sides.a)}|${positions(sides.b)}`;
  });
  return cells.sort();
}

function oracleMatch(problem: Problem, budget: number): Division {
  const units = (amounts: readonly number[]): Unit[] =>
    amounts.map((amount, line) => ({
      amount: BigInt(amount),
      lines: [{ line, amount: BigInt(amount), account: 0, accountClass: 0 }],
    }));
  const positions = (side: Cell['debits']): string =>
    side
      .map((unit) => unit.lines[0]!.line)
      .sort((a, b) => a - b)
      .join();
  return matchUnits(units(problem.a), units(problem.b), budget)
    ?.map(({ debits, credits }) => `${positions(debits)}|${positions(credits)}`)
    .sort();
}

/** The smallest budget up to `most` with which the match succeeds. */
function leastBudget(succeeds: (budget: number) => boolean, most: number): number {
  let [failing, enough] = [-1, most];
  while (enough - failing > 1) {
    const budget = Math.floor((failing + enough) / 2);
    if (succeeds(budget)) enough = budget;
    else failing = budget;
  }
  return enough;
}

describe('UnitMatcher', () => {
  it(`finds the oracle's cells on ${PROBLEMS} random problems, and spends exactly as many nodes (seed ${SEED})`, () => {
    const random = new Random(SEED);
    let searched = 0;
    let failed = 0;
    for (let i = 0; i < PROBLEMS; i++) {
      const problem = randomProblem(random);
      const label = JSON.stringify(problem);
      const expected = oracleMatch(problem, 2000);
      expect(plainMatch(problem, 2000), label).toEqual(expected);
      if (expected === undefined) {
        failed++;
        continue;
      }
      // The node count shows in the smallest budget that is enough.
      const least = leastBudget((budget) => plainMatch(problem, budget) !== undefined, 2000);
      if (least > 0) {
        searched++;
        expect(oracleMatch(problem, least), label).toEqual(expected);
        expect(oracleMatch(problem, least - 1), label).toBeUndefined();
      }
    }
    console.info(`seed ${SEED}: ${searched} found by search, ${failed} without a match`);
    expect(searched).toBeGreaterThan(300);
    expect(failed).toBeGreaterThan(100);
  }, 60_000);
});
