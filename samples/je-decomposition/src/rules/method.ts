/** Codes of the methods as kernels write them; 0 is no method, so that an unwritten flow shows. */
export const METHOD = { A: 1, B: 2, C: 3, D: 4, E: 5 } as const;

export type MethodName = keyof typeof METHOD;
export type MethodCode = (typeof METHOD)[MethodName];

/** The names of the methods in the order of their codes, which start at 1. */
export const METHOD_NAMES = ['A', 'B', 'C', 'D', 'E'] as const satisfies readonly MethodName[];

/** Highest confidence of each method by its code, as float32 (RULES.md §3). B has 1/k in ambiguous buckets, E 1/steps. */
export const BASE_CONFIDENCE: Readonly<Record<MethodCode, number>> = {
  [METHOD.A]: 1,
  [METHOD.B]: 1,
  [METHOD.C]: Math.fround(0.85),
  [METHOD.D]: Math.fround(0.7),
  [METHOD.E]: 0.5,
};

/** Nodes a search may spend per level of MATCH (RULES.md §3); 65,536 for a sub-entry in all. */
export const NODE_BUDGET = { lines: 32_768, accounts: 16_384, classes: 16_384 } as const;

/** Most pool units left after the strike-off for which MATCH searches (RULES.md §4). */
export const MAX_SEARCH_POOL = 64;

/**
 * Which way value flows. The default is that of the paper and of the published ledgers: from the credited account to the
 * debited one. The other exchanges the ends of every flow.
 */
export type FlowDirection = 'credit-to-debit' | 'debit-to-credit';

/** @returns the letter of a method code. @throws RangeError when the code is none. */
export function methodName(code: number): MethodName {
  const name = METHOD_NAMES[code - 1];
  if (name === undefined) throw new RangeError(`method code ${code}: expected 1 to 5`);
  return name;
}
