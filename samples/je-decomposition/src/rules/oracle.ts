/**
 * The rules of RULES.md, written to be read beside it: exact, slow, one function per rule. Every other implementation is
 * compared with this one.
 */
import { BASE_CONFIDENCE, MAX_SEARCH_POOL, METHOD, NODE_BUDGET } from './method.js';
import type { FlowDirection, MethodCode } from './method.js';

/** One line of a sub-entry. Its number is its position in the array, which is in canonical order. */
export interface RuleLine {
  /** Minor units; > 0 debit, < 0 credit. */
  readonly amount: bigint;
  /** Compared for equality only; not negative. */
  readonly account: number;
  /** Compared for equality only; not negative. */
  readonly accountClass: number;
}

/** Value that moves between two lines of a sub-entry. A line number equal to the line count is the suspense line. */
export interface Flow {
  readonly fromLine: number;
  readonly toLine: number;
  /** Minor units, > 0. */
  readonly amount: bigint;
  readonly method: MethodCode;
  /** A float32 value. */
  readonly confidence: number;
}

interface SideLine {
  readonly line: number;
  readonly amount: bigint;
  readonly account: number;
  readonly accountClass: number;
}

/** What MATCH places: a line, or the lines of one account or class on one side. */
export interface Unit {
  /** Minor units, > 0. */
  readonly amount: bigint;
  readonly lines: readonly SideLine[];
}

/** Parts of both sides with equal sums; one of them is one unit. */
export interface Cell {
  readonly debits: readonly Unit[];
  readonly credits: readonly Unit[];
}

interface Sides {
  readonly debits: readonly SideLine[];
  readonly credits: readonly SideLine[];
}

interface Pair {
  readonly debit: SideLine;
  readonly credit: SideLine;
  readonly amount: bigint;
  readonly confidence: number;
}

const SUSPENSE_ACCOUNT = -1;

/**
 * Decomposes one sub-entry.
 *
 * @param lines - in canonical order; Σ|amount| below 2^63.
 * @returns its flows by (fromLine, toLine); at most one per line.
 */
export function decomposeSubEntry(lines: readonly RuleLine[], direction: FlowDirection = 'credit-to-debit'): Flow[] {
  const sides = prepare(lines);
  const { method, pairs } = chooseMethod(sides);
  const flows = pairs.map(({ debit, credit, amount, confidence }): Flow => {
    const [from, to] = direction === 'credit-to-debit' ? [credit, debit] : [debit, credit];
    const touchesSuspense = from.line === lines.length || to.line === lines.length;
    return {
      fromLine: from.line,
      toLine: to.line,
      amount,
      method,
      confidence: touchesSuspense ? 0 : confidence,
    };
  });
  return flows.sort((a, b) => a.fromLine - b.fromLine || a.toLine - b.toLine);
}

/** RULES.md §2: zero lines go, the residue becomes the suspense line. */
function prepare(lines: readonly RuleLine[]): Sides {
  const debits: SideLine[] = [];
  const credits: SideLine[] = [];
  lines.forEach(({ amount, account, accountClass }, line) => {
    if (amount > 0n) debits.push({ line, amount, account, accountClass });
    if (amount < 0n) credits.push({ line, amount: -amount, account, accountClass });
  });
  const residue = sum(debits) - sum(credits);
  const suspense = {
    line: lines.length,
    account: SUSPENSE_ACCOUNT,
    accountClass: SUSPENSE_ACCOUNT,
  };
  if (residue > 0n) credits.push({ ...suspense, amount: residue });
  if (residue < 0n) debits.push({ ...suspense, amount: -residue });
  return { debits, credits };
}

/** RULES.md §3. */
function chooseMethod(sides: Sides): { method: MethodCode; pairs: Pair[] } {
  const { debits, credits } = sides;
  if (debits.length === 0) return { method: METHOD.A, pairs: [] };
  if (debits.length === 1 && credits.length === 1) return { method: METHOD.A, pairs: methodA(sides) };

  const asUnit = (line: SideLine): Unit => ({ amount: line.amount, lines: [line] });
  const lineUnits = [debits.map(asUnit), credits.map(asUnit)] as const;
  const lineCells = matchUnits(...lineUnits, NODE_BUDGET.lines);
  if (lineCells !== undefined) {
    if (debits.length === credits.length) return { method: METHOD.B, pairs: methodB(lineCells) };
    return { method: METHOD.C, pairs: methodC(lineCells) };
  }
  const cells = matchGroups(sides);
  if (cells !== undefined) return { method: METHOD.D, pairs: methodD(cells) };
  return { method: METHOD.E, pairs: methodE(sides) };
}

/** Steps 4 and 5 of RULES.md §3: the cells of accounts, else of classes, else nothing. */
function matchGroups({ debits, credits }: Sides): Cell[] | undefined {
  const byAccount = [group(debits, 'account'), group(credits, 'account')] as const;
  const accountUnits = byAccount[0].length + byAccount[1].length;
  if (accountUnits < debits.length + credits.length) {
    const cells = matchUnits(...byAccount, NODE_BUDGET.accounts);
    if (cells !== undefined) return cells;
  }
  const byClass = [group(debits, 'accountClass'), group(credits, 'accountClass')] as const;
  if (byClass[0].length + byClass[1].length < accountUnits) {
    return matchUnits(...byClass, NODE_BUDGET.classes);
  }
  return undefined;
}

function methodA({ debits, credits }: Sides): Pair[] {
  return cursors(debits, credits, BASE_CONFIDENCE[METHOD.A]);
}

/** RULES.md §5: one flow per cell, less sure where equal amounts could be paired otherwise. */
function methodB(cells: readonly Cell[]): Pair[] {
  return cells.flatMap(({ debits, credits }) => {
    const amount = debits[0]!.amount;
    const bucket = cells.filter((cell) => cell.debits[0]!.amount === amount);
    const accounts = (side: 'debits' | 'credits'): number =>
      new Set(bucket.map((cell) => cell[side][0]!.lines[0]!.account)).size;
    const sure = accounts('debits') === 1 || accounts('credits') === 1;
    return cursors(linesOf(debits), linesOf(credits), Math.fround(sure ? 1 : 1 / bucket.length));
  });
}

/** RULES.md §5: the lines of a target's cell, each whole. */
function methodC(cells: readonly Cell[]): Pair[] {
  return cells.flatMap(({ debits, credits }) => cursors(linesOf(debits), linesOf(credits), BASE_CONFIDENCE[METHOD.C]));
}

/** RULES.md §6: the cursors inside each cell of groups. */
function methodD(cells: readonly Cell[]): Pair[] {
  return cells.flatMap(({ debits, credits }) => cursors(linesOf(debits), linesOf(credits), BASE_CONFIDENCE[METHOD.D]));
}

/** RULES.md §7. */
function methodE({ debits, credits }: Sides): Pair[] {
  const steps = cursors(debits, credits, 0);
  return steps.map((step) => ({ ...step, confidence: Math.fround(1 / steps.length) }));
}

/** RULES.md §7: two cursors over both sides in amount order. The sides balance. */
function cursors(debitLines: readonly SideLine[], creditLines: readonly SideLine[], confidence: number): Pair[] {
  const byLine = (a: SideLine, b: SideLine): number => a.line - b.line;
  const debits = inAmountOrder([...debitLines].sort(byLine));
  const credits = inAmountOrder([...creditLines].sort(byLine));
  const pairs: Pair[] = [];
  let [d, c] = [0, 0];
  let debitRest = debits[0]!.amount;
  let creditRest = credits[0]!.amount;
  while (d < debits.length && c < credits.length) {
    const amount = debitRest < creditRest ? debitRest : creditRest;
    pairs.push({ debit: debits[d]!, credit: credits[c]!, amount, confidence });
    debitRest -= amount;
    creditRest -= amount;
    if (debitRest === 0n) debitRest = debits[++d]?.amount ?? 0n;
    if (creditRest === 0n) creditRest = credits[++c]?.amount ?? 0n;
  }
  return pairs;
}

/**
 * MATCH of RULES.md §4.
 *
 * @param debits - units in their order; `credits` likewise. The sums of both are equal and not 0.
 * @param budget - most nodes of the search.
 * @returns the cells in no order that matters, or undefined when MATCH fails.
 */
export function matchUnits(debits: readonly Unit[], credits: readonly Unit[], budget: number): Cell[] | undefined {
  if (debits.length === credits.length) return matchEqualCounts(debits, credits);
  const debitsAreTargets = debits.length < credits.length;
  const [targets, pool] = debitsAreTargets ? [debits, credits] : [credits, debits];
  const parts = matchSubsets(targets, pool, budget);
  return parts?.map(({ target, units }) =>
    debitsAreTargets ? { debits: [target], credits: units } : { debits: units, credits: [target] },
  );
}

function matchEqualCounts(debits: readonly Unit[], credits: readonly Unit[]): Cell[] | undefined {
  const left = inAmountOrder(debits);
  const right = inAmountOrder(credits);
  if (left.some((unit, i) => unit.amount !== right[i]!.amount)) return undefined;
  return left.map((unit, i) => ({ debits: [unit], credits: [right[i]!] }));
}

interface Part {
  readonly target: Unit;
  readonly units: readonly Unit[];
}

/** RULES.md §4, unequal counts. */
function matchSubsets(allTargets: readonly Unit[], allPool: readonly Unit[], budget: number): Part[] | undefined {
  const struck = allTargets.flatMap((target): Part[] => {
    const same = (unit: Unit): boolean => unit.amount === target.amount;
    const units = allPool.filter(same);
    return units.length === 1 && allTargets.filter(same).length === 1 ? [{ target, units }] : [];
  });
  const targets = inAmountOrder(allTargets.filter((unit) => !struck.some(({ target }) => target === unit)));
  const pool = allPool.filter((unit) => !struck.some(({ units }) => units[0] === unit));
  if (targets.length === 1) return [...struck, { target: targets[0]!, units: pool }];

  const poolByAmount = inAmountOrder(pool);
  if (pool.length > MAX_SEARCH_POOL) return undefined;
  if (poolByAmount[0]!.amount > targets[0]!.amount) return undefined;
  if (targets.at(-1)!.amount < poolByAmount.at(-1)!.amount) return undefined;
  try {
    const found = assignFrom(targets, pool, new NodeCount(budget));
    return found && [...struck, ...found];
  } catch (error) {
    if (error instanceof BudgetSpent) return undefined;
    throw error;
  }
}

class BudgetSpent extends Error {}

class NodeCount {
  private spent = 0;

  constructor(private readonly budget: number) {}

  add(nodes: number): void {
    this.spent += nodes;
    if (this.spent > this.budget) throw new BudgetSpent();
  }
}

/** Assigns the pool to the targets, the first of them first; undefined when it cannot be done. */
function assignFrom(targets: readonly Unit[], pool: readonly Unit[], nodes: NodeCount): Part[] | undefined {
  const target = targets[0]!;
  if (targets.length === 1) return [{ target, units: pool }];
  nodes.add(pool.length);
  for (const units of subsets(target.amount, pool, targets.length - 1, nodes)) {
    const others = pool.filter((unit) => !units.includes(unit));
    const found = assignFrom(targets.slice(1), others, nodes);
    if (found !== undefined) return [{ target, units }, ...found];
    nodes.add(pool.length);
  }
  return undefined;
}

/** The subsets of the available units that sum to the target, fewest units first, then lexicographically. */
function* subsets(
  target: bigint,
  available: readonly Unit[],
  targetsToFollow: number,
  nodes: NodeCount,
): Generator<Unit[]> {
  const descending = inAmountOrder(available);
  const top = (k: number): bigint => sum(descending.slice(0, k));
  const low = (k: number): bigint => sum(descending.slice(available.length - k));

  function* extend(picked: readonly Unit[], from: number, rest: bigint, picksLeft: number): Generator<Unit[]> {
    const after = picksLeft - 1;
    for (let q = from; q < available.length - after; q++) {
      nodes.add(1);
      const unit = available[q]!;
      const isCopy = available
        .slice(0, q)
        .some((earlier) => earlier.amount === unit.amount && !picked.includes(earlier));
      const restAfter = rest - unit.amount;
      if (isCopy || restAfter < low(after) || restAfter > top(after)) continue;
      if (after === 0) yield [...picked, unit];
      else yield* extend([...picked, unit], q + 1, restAfter, after);
    }
  }

  for (let size = 1; size <= available.length - targetsToFollow; size++) {
    if (target < low(size)) return;
    if (target <= top(size)) yield* extend([], 0, target, size);
  }
}

function group(lines: readonly SideLine[], by: 'account' | 'accountClass'): Unit[] {
  const groups = new Map<number, SideLine[]>();
  for (const line of lines) {
    const members = groups.get(line[by]);
    if (members === undefined) groups.set(line[by], [line]);
    else members.push(line);
  }
  return [...groups.values()].map((members) => ({ amount: sum(members), lines: members }));
}

function linesOf(units: readonly Unit[]): SideLine[] {
  return units.flatMap(({ lines }) => lines);
}

/** By amount descending; the sort is stable, so equal amounts keep their order. */
function inAmountOrder<T extends { readonly amount: bigint }>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => (a.amount > b.amount ? -1 : a.amount < b.amount ? 1 : 0));
}

function sum(items: readonly { readonly amount: bigint }[]): bigint {
  return items.reduce((total, { amount }) => total + amount, 0n);
}
