import { describe, expect, it } from 'vitest';

import { checkInvariants, type Violation } from './invariants.js';
import { METHOD } from './method.js';
import { decomposeSubEntry, type Flow, type RuleLine } from './oracle.js';

const LINES: RuleLine[] = [700n, 300n, -600n, -400n].map((amount, i) => ({ amount, account: i, accountClass: i }));

/** The rules that the flows break after a change to the right ones. */
function broken(change: (flows: Flow[]) => Flow[], lines = LINES): Violation['rule'][] {
  const violations = checkInvariants(lines, change(decomposeSubEntry(lines)));
  return [...new Set(violations.map(({ rule }) => rule))];
}

describe('checkInvariants', () => {
  it('accepts the right flows', () => {
    expect(broken((flows) => flows)).toEqual([]);
  });

  it('sees an amount that is off by one', () => {
    expect(broken(([first, ...others]) => [{ ...first!, amount: first!.amount + 1n }, ...others])).toEqual([
      'line-sum',
    ]);
  });

  it('sees a missing flow', () => {
    expect(broken((flows) => flows.slice(1))).toContain('line-sum');
    expect(broken(() => [])).toEqual(['line-sum', 'flow-count']);
  });

  it('sees flows against the direction', () => {
    const turned = broken((flows) => flows.map((flow) => ({ ...flow, fromLine: flow.toLine, toLine: flow.fromLine })));
    expect(turned).toContain('direction');
  });

  it('sees flows out of order, or one twice', () => {
    expect(broken((flows) => flows.reverse())).toEqual(['order']);
    expect(broken(([first, ...others]) => [first!, first!, ...others])).toContain('order');
  });

  it('sees a flow that carries nothing, or to a line that is not there', () => {
    expect(broken((flows) => [...flows, { ...flows[2]!, toLine: 9, amount: 0n }])).toContain('positive');
    expect(broken((flows) => [...flows, { ...flows[2]!, toLine: 9 }])).toContain('line-sum');
  });

  it('sees too much confidence, and methods mixed', () => {
    expect(broken((flows) => flows.map((flow) => ({ ...flow, confidence: 0.9 })))).toEqual(['confidence']);
    expect(broken(([first, ...others]) => [first!, ...others.map((flow) => ({ ...flow, method: METHOD.D }))])).toEqual([
      'one-method',
    ]);
  });

  it('sees a residue that is not in suspense, or is trusted', () => {
    const unbalanced = [...LINES, { amount: 5n, account: 9, accountClass: 9 }];
    expect(broken((flows) => flows, unbalanced)).toEqual([]);
    expect(broken((flows) => flows.filter(({ fromLine }) => fromLine !== 5), unbalanced)).toContain('suspense-sum');
    expect(broken((flows) => flows.map((flow) => ({ ...flow, confidence: 0.1 })), unbalanced)).toEqual(['confidence']);
  });
});
