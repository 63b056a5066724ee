import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import type { Outcome } from '../argument-block.js';
import { randomProgram } from './random-program.js';
import type { RandomProgram } from './random-program.js';
import { REFERENCE } from './targets.js';
import type { FuzzTarget, Mutation } from './targets.js';
import { programTree } from './tree.js';
import type { ProgramTree } from './tree.js';

/** The tree that belongs to a seed: what fast-check draws first. */
function treeOf(seed: number): ProgramTree {
  const [drawn] = fc.sample(fc.tuple(programTree), { seed, numRuns: 1 });
  if (drawn === undefined) throw new Error('fast-check draws something');
  return drawn[0];
}

export function programOf(seed: number): RandomProgram {
  return randomProgram(treeOf(seed), `fuzz/p${seed}`);
}

export interface Mismatch {
  readonly program: RandomProgram;
  readonly target: string;
  readonly difference: string;
}

/** What the targets make of the programs, where it is not what the reference makes of them. */
export function mismatches(
  programs: readonly RandomProgram[],
  targets: readonly FuzzTarget[],
  onRun: (target: FuzzTarget, ran: number) => void = () => undefined,
  mutate?: Mutation,
): Mismatch[] {
  const expected = attempt(REFERENCE, programs);
  return targets.flatMap((target) => {
    const outcomes = attempt(target, programs, mutate);
    onRun(target, outcomes.filter((outcome) => outcome !== null).length);
    return programs.flatMap((program, i) => {
      const [actual, wanted] = [outcomes[i], expected[i]];
      if (!actual || !wanted) return [];
      const difference = differenceOf(program, target, actual, wanted);
      return difference === null ? [] : [{ program, target: target.name, difference }];
    });
  });
}

/** An outcome, or what a compiler or the program itself failed with. */
type Attempt = Outcome | Error | null;

/** Where a batch fails as a whole, its halves say which program it was. */
function attempt(target: FuzzTarget, programs: readonly RandomProgram[], mutate?: Mutation): Attempt[] {
  try {
    return target.run(programs, mutate);
  } catch (e) {
    if (programs.length <= 1) return [e instanceof Error ? e : new Error(String(e))];
    const half = Math.ceil(programs.length / 2);
    return [programs.slice(0, half), programs.slice(half)].flatMap((part) => attempt(target, part, mutate));
  }
}

/** What is tried to make a failing program smaller; building alone takes a second on some targets. */
const SHRINKING_MS = 60_000;

/** Tries the program of a seed alone and, where it fails, smaller ones; the report of the smallest that fails. */
export function shrunk(seed: number, target: FuzzTarget): string {
  const end = performance.now() + SHRINKING_MS;
  let smallest = `seed ${seed} fails only among others`;
  const property = fc.property(programTree, (tree) => {
    if (performance.now() > end) return true;
    const [found] = mismatches([randomProgram(tree, 'fuzz/smallest')], [target]);
    if (found) smallest = `${target.name} differs: ${found.difference}\n${reportOf(found.program)}`;
    return found === undefined;
  });
  fc.check(property, { seed, numRuns: 1 });
  return smallest;
}

function reportOf({ text, args }: RandomProgram): string {
  const values = JSON.stringify(args, (_, v: unknown) =>
    typeof v === 'bigint' ? `${v}n` : Object.is(v, -0) ? '-0' : v,
  );
  return `${text}\n${values}`;
}

function differenceOf(
  program: RandomProgram,
  target: FuzzTarget,
  actual: Outcome | Error,
  expected: Outcome | Error,
): string | null {
  if (expected instanceof Error) return `the reference fails: ${expected.message}`;
  if (actual instanceof Error) return actual.message;
  if (!actual.canariesIntact || !expected.canariesIntact) return 'wrote outside of its buffers';
  const ulps = program.definition.fp === 'default' && target.name === 'OpenCL' ? program.tolerance * ULPS : 0;
  if (ulps === 0 && isDeepStrictEqual(actual, expected)) return null;
  if (actual.violations !== expected.violations)
    return `violations ${actual.violations}, expected ${expected.violations}`;
  return firstDifference('outputs', actual.outputs, expected.outputs, ulps * 2 ** -23);
}

/** Of one operation on devices, times what operations make of the errors of their operands. */
const ULPS = 16 * 3;

function firstDifference(path: string, actual: unknown, expected: unknown, tolerance: number): string | null {
  if (typeof expected === 'object' && expected !== null && typeof actual === 'object' && actual !== null) {
    const keys = new Set([...Object.keys(actual), ...Object.keys(expected)]);
    for (const key of keys) {
      const [a, e] = [(actual as Record<string, unknown>)[key], (expected as Record<string, unknown>)[key]];
      const found = firstDifference(`${path}.${key}`, a, e, tolerance);
      if (found !== null) return found;
    }
    return null;
  }
  if (Object.is(actual, expected)) return null;
  const isNear =
    typeof actual === 'number' &&
    typeof expected === 'number' &&
    !Number.isInteger(expected) &&
    Math.abs(actual - expected) <= tolerance * Math.abs(expected);
  return isNear ? null : `${path} is ${String(actual)}, expected ${String(expected)}`;
}
