import { BASE_CONFIDENCE, METHOD, type FlowDirection } from './method.js';
import type { Flow, RuleLine } from './oracle.js';

/** A property of RULES.md §8 and §9 that the flows of a sub-entry break. */
export interface Violation {
  readonly rule:
    'line-sum' | 'suspense-sum' | 'positive' | 'direction' | 'order' | 'flow-count' | 'one-method' | 'confidence';
  readonly message: string;
}

/**
 * Checks the flows of one sub-entry against its lines, whatever made them.
 *
 * @returns every violation found; empty when all of RULES.md §8 and §9 that can be seen in one sub-entry holds.
 */
export function checkInvariants(
  lines: readonly RuleLine[],
  flows: readonly Flow[],
  direction: FlowDirection = 'credit-to-debit',
): Violation[] {
  return [
    ...checkSums(lines, flows, direction),
    ...checkEachFlow(lines, flows),
    ...checkOrder(flows),
    ...checkCount(lines, flows),
  ];
}

/** Adds up each line's flows as the signed amount they stand for; the sign also shows flows of the wrong direction. */
function checkSums(lines: readonly RuleLine[], flows: readonly Flow[], direction: FlowDirection): Violation[] {
  const violations: Violation[] = [];
  const carried = Array.from({ length: lines.length + 1 }, () => 0n);
  for (const { fromLine, toLine, amount } of flows) {
    for (const [line, sign] of [
      [fromLine, direction === 'credit-to-debit' ? -1n : 1n],
      [toLine, direction === 'credit-to-debit' ? 1n : -1n],
    ] as const) {
      const sum = carried[line];
      if (sum === undefined) {
        violations.push({ rule: 'line-sum', message: `line ${line} does not exist` });
        continue;
      }
      carried[line] = sum + sign * amount;
      const own = lines[line]?.amount;
      if (own !== undefined && own * sign <= 0n) {
        violations.push({ rule: 'direction', message: `line ${line} of amount ${own} is on the wrong end of a flow` });
      }
    }
  }
  lines.forEach(({ amount }, line) => {
    if (carried[line] !== amount) {
      violations.push({ rule: 'line-sum', message: `line ${line} has ${amount}, its flows carry ${carried[line]}` });
    }
  });
  const residue = lines.reduce((sum, { amount }) => sum - amount, 0n);
  if (carried[lines.length] !== residue) {
    violations.push({
      rule: 'suspense-sum',
      message: `the residue is ${residue}, the flows of the suspense line carry ${carried[lines.length]}`,
    });
  }
  return violations;
}

function checkEachFlow(lines: readonly RuleLine[], flows: readonly Flow[]): Violation[] {
  const violations: Violation[] = [];
  for (const flow of flows) {
    const { fromLine, toLine, amount, method, confidence } = flow;
    const ends = `${fromLine} to ${toLine}`;
    if (amount <= 0n) violations.push({ rule: 'positive', message: `flow ${ends} has ${amount}` });
    const touchesSuspense = fromLine === lines.length || toLine === lines.length;
    const inRange = touchesSuspense ? confidence === 0 : confidence > 0 && confidence <= BASE_CONFIDENCE[method];
    if (!inRange || Math.fround(confidence) !== confidence) {
      violations.push({ rule: 'confidence', message: `flow ${ends} of method ${method} has ${confidence}` });
    }
    if (method !== flows[0]!.method) {
      violations.push({ rule: 'one-method', message: `flow ${ends} has method ${method}, others ${flows[0]!.method}` });
    }
  }
  return violations;
}

function checkOrder(flows: readonly Flow[]): Violation[] {
  return flows.slice(1).flatMap((flow, i): Violation[] => {
    const previous = flows[i]!;
    const inOrder =
      previous.fromLine < flow.fromLine || (previous.fromLine === flow.fromLine && previous.toLine < flow.toLine);
    return inOrder ? [] : [{ rule: 'order', message: `flow ${i + 1} does not come after flow ${i}` }];
  });
}

/** RULES.md §8: exact for A, B and C, at most one flow less than lines for D and E. */
function checkCount(lines: readonly RuleLine[], flows: readonly Flow[]): Violation[] {
  const debits = lines.filter(({ amount }) => amount > 0n).length;
  const credits = lines.filter(({ amount }) => amount < 0n).length;
  const residue = lines.reduce((sum, { amount }) => sum + amount, 0n);
  const n = debits + (residue < 0n ? 1 : 0);
  const m = credits + (residue > 0n ? 1 : 0);
  const method = flows[0]?.method;
  const least = Math.max(n, m);
  const most = method === METHOD.D || method === METHOD.E ? n + m - 1 : least;
  if (flows.length >= least && flows.length <= most) return [];
  return [{ rule: 'flow-count', message: `${flows.length} flows for ${n}:${m} by method ${method}` }];
}
