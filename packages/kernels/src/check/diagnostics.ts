import type { KernelDiagnostic } from '@gpu-bridge/abstractions';
import type { Locate } from '../parse/locate.js';

/** Rules of the checker; docs/KERNELS.md explains each. */
export const RULES = [
  'syntax',
  'unsupported',
  'free-name',
  'type-mismatch',
  'untyped-literal',
  'literal-range',
  'bigint-literal',
  'operator-type',
  'condition-type',
  'index-type',
  'read-only',
  'unknown-member',
  'not-a-value',
  'arguments',
  'label',
  'initialiser',
  'recursion',
  'missing-return',
  'duplicate-name',
  'workgroup',
  'barrier',
  'barrier-divergence',
] as const;
export type Rule = (typeof RULES)[number];

/** Thrown to give up on one statement; `report` turns it into a diagnostic. */
export class Finding extends Error {
  constructor(
    readonly rule: Rule,
    message: string,
    readonly at: number,
  ) {
    super(message);
  }
}

/** Thrown by a use of something whose own declaration already has a finding. */
export class Poisoned extends Error {}

export class Diagnostics {
  readonly list: KernelDiagnostic[] = [];

  add(locate: Locate, finding: Finding): void {
    this.list.push({ rule: finding.rule, message: finding.message, ...locate(finding.at) });
  }

  /** Runs one step of checking; a finding is recorded and the step given up. */
  guard<T>(locate: Locate, step: () => T): T | undefined {
    try {
      return step();
    } catch (e) {
      if (e instanceof Finding) this.add(locate, e);
      else if (!(e instanceof Poisoned)) throw e;
      return undefined;
    }
  }
}
