import { createRequire } from 'node:module';
import { createKernelCompiler } from '@gpu-bridge/kernels';
import type { HelperDefinition, KernelDefinition, KernelTarget } from '@gpu-bridge/abstractions';
import { describe, expect, it } from 'vitest';

import { decomposePlain } from '../baseline/plain-js.js';
import { decomposeJournal } from '../decompose.js';
import { generateJournal } from '../journal/generate.js';
import { JournalBuilder } from '../journal/journal-builder.js';
import type { Journal } from '../journal/journal.js';
import { Random } from '../journal/random.js';
import { checkInvariants } from '../rules/invariants.js';
import { METHOD_NAMES, type FlowDirection } from '../rules/method.js';
import { decomposeSubEntry } from '../rules/oracle.js';
import { isConserved } from '../report/conservation.js';
import { InProcessExecutor } from '../testing/in-process-executor.js';
import { flowsOf, linesOf, randomJournal } from '../testing/random-journal.js';
import { jeDecomposition } from './je.kernel.js';

const SEED = 20_250_317;
const compiled = createKernelCompiler().compile(jeDecomposition);

/** Compares every sub-entry with the oracle, bit for bit. @returns how many sub-entries each method decided. */
async function compareWithOracle(
  journal: Journal,
  direction: FlowDirection = 'credit-to-debit',
  target: KernelTarget = 'wasm',
): Promise<Record<string, number>> {
  const executor = new InProcessExecutor(compiled, target, 100);
  const done = await decomposeJournal(executor, journal, { direction, batchItems: 730 });
  const methods: Record<string, number> = { none: 0, A: 0, B: 0, C: 0, D: 0, E: 0 };
  let unbalanced = 0;
  for (let s = 0; s < journal.subEntryCount; s++) {
    const lines = linesOf(journal, s);
    const flows = flowsOf(done.flows, s);
    const label = `entry ${journal.entryIds[journal.entryOfSubEntry[s]!]}`;
    expect(flows, label).toEqual(decomposeSubEntry(lines, direction));
    expect(checkInvariants(lines, flows, direction), label).toEqual([]);
    methods[flows[0] === undefined ? 'none' : METHOD_NAMES[flows[0].method - 1]!]!++;
    if (lines.reduce((sum, { amount }) => sum + amount, 0n) !== 0n) unbalanced++;
  }
  expect(executor.violations).toBe(0);
  expect(isConserved(done.conservation)).toBe(true);
  expect(done.unbalancedSubEntries).toBe(unbalanced);
  expect(['none', ...METHOD_NAMES].map((name) => methods[name])).toEqual(done.subEntriesByMethod);
  return methods;
}

/** One entry per list of amounts; accounts `a:0`, `b:1`, … of classes `a` to `c`, so that no two lines share one. */
function journalOf(entries: readonly (readonly bigint[])[]): Journal {
  const builder = new JournalBuilder();
  entries.forEach((amounts, entry) => {
    amounts.forEach((amount, line) =>
      builder.add(String(entry), line, `${'abc'[line % 3]}:${line}`, 'EUR', amount, line),
    );
  });
  return builder.build();
}

describe('the kernel as WebAssembly', () => {
  it(`equals the oracle on 10,000 random entries (seed ${SEED}), every method reached`, async () => {
    const methods = await compareWithOracle(randomJournal(SEED, 10_000));
    console.info(`seed ${SEED}: sub-entries per method ${JSON.stringify(methods)}`);
    for (const count of Object.values(methods)) expect(count).toBeGreaterThan(20);
  }, 120_000);

  it(`equals the oracle in the other direction (seed ${SEED + 1})`, async () => {
    await compareWithOracle(randomJournal(SEED + 1, 2000), 'debit-to-credit');
  }, 60_000);

  it(`equals the oracle on a generated journal with unbalanced entries (seed ${SEED})`, async () => {
    await compareWithOracle(generateJournal({ lines: 20_000, seed: SEED, unbalancedFraction: 0.2 }));
  }, 60_000);

  it(`equals the baseline on a larger generated journal (seed ${SEED})`, async () => {
    const journal = generateJournal({ lines: 200_000, seed: SEED });
    const { flows, flowCount } = await decomposeJournal(new InProcessExecutor(compiled, 'wasm'), journal);
    const plain = decomposePlain(journal);
    let seen = 0;
    let different = 0;
    for (let s = 0; s < journal.subEntryCount; s++) {
      if (flows.count[s] !== plain.count[s]) different++;
      seen += plain.count[s]!;
      for (let i = 0; i < plain.count[s]!; i++) {
        const [a, b] = [flows.start[s]! + i, plain.start[s]! + i];
        const same =
          flows.fromLine[a] === plain.fromLine[b] &&
          flows.toLine[a] === plain.toLine[b] &&
          flows.amount[a] === plain.amount[b] &&
          flows.method[a] === plain.method[b] &&
          flows.confidence[a] === plain.confidence[b];
        if (!same) different++;
      }
    }
    expect({ different, flowCount }).toEqual({ different: 0, flowCount: seen });
  }, 60_000);

  it(`equals the oracle on entries of thousands of lines (seed ${SEED})`, async () => {
    const random = new Random(SEED);
    const builder = new JournalBuilder();
    const shapes = [
      [1, 4999],
      [4999, 1],
      [2500, 2500],
      [1700, 3300],
    ] as const;
    for (const [entry, [debits, credits]] of shapes.entries()) {
      let balance = 0;
      for (let i = 0; i < debits + credits - 1; i++) {
        const amount = (1 + random.below(9999)) * (i < debits ? 1 : -1);
        balance += amount;
        builder.add(String(entry), i, `${random.below(90)}`, 'EUR', amount, i);
      }
      builder.add(String(entry), 5000, 'x', 'EUR', 0 - balance, 0);
    }
    await compareWithOracle(builder.build());
  }, 60_000);

  it('is exact near 2^63, suspense included', async () => {
    const most = 2n ** 62n - 1n;
    const methods = await compareWithOracle(
      journalOf([
        [most, -(most - 1n), -1n],
        [2n ** 63n - 1n],
        [-(2n ** 63n - 1n)],
        [2n ** 61n, 2n ** 61n - 1n, -(2n ** 61n), -(2n ** 61n - 1n)],
        [2n ** 61n, 2n ** 61n - 3n, -(2n ** 61n - 1n), -(2n ** 61n - 2n)],
        [2n ** 61n + 5n, 2n ** 60n - 5n, -(2n ** 60n), -(2n ** 60n), -(2n ** 59n), -(2n ** 59n - 7n), -7n],
        [2n ** 62n, -1n, -2n],
      ]),
    );
    expect(methods).toMatchObject({ A: 2, B: 1 });
  });

  it('gives one-sided, empty and all-zero entries what the rules say', async () => {
    await compareWithOracle(
      journalOf([[5n], [-5n, -6n], [0n, 0n], [0n], [100n, -99n], [99n, -100n, 0n], [1n, 2n, -3n, 1n]]),
    );
  });
});

describe('the kernel as reference JavaScript', () => {
  it(`equals the oracle (seed ${SEED + 2})`, async () => {
    await compareWithOracle(randomJournal(SEED + 2, 300), 'credit-to-debit', 'js');
  }, 120_000);
});

describe('the kernel in a bundle', () => {
  const esbuild = findEsbuild();

  it.skipIf(esbuild === undefined)('compiles to the same intermediate form when it is minified', () => {
    const minify = (body: KernelDefinition['body']): KernelDefinition['body'] => {
      const { code } = esbuild!.transformSync(`globalThis.body = ${body.toString()}`, { minify: true });
      const text = code.trim().replace(/^globalThis\.body=/, '');
      // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the kernel's own text, made shorter
      const evaluate = new Function(`return ${text}`) as () => KernelDefinition['body'];
      return evaluate();
    };
    const known = new Map<HelperDefinition, HelperDefinition>();
    const minifyHelper = (helper: HelperDefinition): HelperDefinition => {
      const minified = known.get(helper) ?? { ...helper, body: minify(helper.body), uses: minifyUses(helper.uses) };
      known.set(helper, minified);
      return minified;
    };
    const minifyUses = (uses: KernelDefinition['uses']): KernelDefinition['uses'] =>
      Object.fromEntries(Object.entries(uses).map(([name, helper]) => [name, minifyHelper(helper)]));
    const minified = { ...jeDecomposition, body: minify(jeDecomposition.body), uses: minifyUses(jeDecomposition.uses) };
    expect(createKernelCompiler().compile(minified).descriptor.id).toBe(compiled.descriptor.id);
  });
});

interface Esbuild {
  transformSync(code: string, options: { minify: boolean }): { code: string };
}

/** It comes with tsup, which bundles this repository. */
function findEsbuild(): Esbuild | undefined {
  try {
    const tsup = createRequire(import.meta.url).resolve('tsup/package.json');
    return createRequire(tsup)('esbuild') as Esbuild;
  } catch {
    return undefined;
  }
}
