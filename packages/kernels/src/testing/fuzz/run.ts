import { mismatches, programOf, shrunk } from './differential.js';
import type { RandomProgram } from './random-program.js';
import type { FuzzTarget } from './targets.js';

/** Programs that are compiled together: starting a compiler of C costs as much as some programs. */
const BATCH = 50;

/** How many programs, and from which seed on: of `npm run fuzz:kernels`, else what `npm test` runs. */
export const FUZZ = {
  count: Number(process.env['KERNEL_FUZZ_COUNT'] ?? 200),
  seed: Number(process.env['KERNEL_FUZZ_SEED'] ?? 1),
  isLong: process.env['KERNEL_FUZZ_COUNT'] !== undefined,
} as const;
/** Only ends what hangs: machines are slow when they are busy. */
export const FUZZ_TIMEOUT_MS = 300_000 + FUZZ.count * 5000;

/**
 * Runs programs on the targets and compares; on the first difference, finds a small program that shows it. Programs that
 * ran, by target: not every target has every form.
 *
 * @param count - programs.
 * @throws Error with the smallest program found, its inputs and the seed.
 */
export function fuzz(targets: readonly FuzzTarget[], count = FUZZ.count): ReadonlyMap<string, number> {
  const ran = new Map<string, number>();
  inBatches(count, (programs, seeds) => {
    const found = mismatches(programs, targets, (target, count) => {
      ran.set(target.name, (ran.get(target.name) ?? 0) + count);
    });
    const [first] = found;
    if (first === undefined) return;
    const seed = seeds[programs.indexOf(first.program)] ?? 0;
    const target = targets.find(({ name }) => name === first.target);
    throw new Error(
      `${found.length} of ${programs.length} programs differ; seed ${seed}: ${first.difference}\n` +
        (target ? shrunk(seed, target) : first.program.text),
    );
  });
  return ran;
}

export function inBatches(
  count: number,
  each: (programs: readonly RandomProgram[], seeds: readonly number[]) => void,
): void {
  const { seed, isLong } = FUZZ;
  for (let done = 0; done < count;) {
    const seeds = Array.from({ length: Math.min(BATCH, count - done) }, (_, i) => seed + done + i);
    each(seeds.map(programOf), seeds);
    done += seeds.length;
    if (isLong) process.stderr.write(`fuzz:kernels: ${done} of ${count} programs (seeds from ${seed})\n`);
  }
}
