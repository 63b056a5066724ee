import { createKernelCompiler } from '@gpu-bridge/kernels';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { GpuResult } from '@gpu-bridge/abstractions';
import { describe, expect, it } from 'vitest';

import { decomposePlain } from './baseline/plain-js.js';
import { decomposeJournal, type DecomposeProgress, type DecompositionExecutor } from './decompose.js';
import { generateJournal } from './journal/generate.js';
import { jeDecomposition } from './kernel/je.kernel.js';
import { checkConservation, isConserved } from './report/conservation.js';
import { flowsCsv } from './report/flows-csv.js';
import { InProcessExecutor } from './testing/in-process-executor.js';

const SEED = 7;
const compiled = createKernelCompiler().compile(jeDecomposition);
const journal = generateJournal({ lines: 5000, seed: SEED, unbalancedFraction: 0.1 });

/** Counts jobs that were submitted and whose results are not all read. */
class CountingExecutor implements DecompositionExecutor {
  readonly sizes: number[] = [];
  inFlight = 0;
  most = 0;

  constructor(private readonly inner: DecompositionExecutor) {}

  async execute(...args: Parameters<DecompositionExecutor['execute']>): ReturnType<DecompositionExecutor['execute']> {
    this.sizes.push(args[0].lines.offsets.length - 1);
    this.most = Math.max(this.most, ++this.inFlight);
    const { batches, result } = await this.inner.execute(...args);
    const finish = (): void => void this.inFlight--;
    const counted = async function* (): typeof batches extends AsyncIterable<infer B> ? AsyncGenerator<B> : never {
      try {
        yield* batches;
      } finally {
        finish();
      }
    };
    return { batches: counted(), result };
  }
}

describe('decomposeJournal', () => {
  it('gives the same flows file as the baseline, whatever the size of jobs', async () => {
    const expected = [...flowsCsv(journal, decomposePlain(journal))].join('');
    for (const batchItems of [1, 97, 100_000]) {
      const executor = new InProcessExecutor(compiled, 'wasm', 10);
      const { flows, conservation } = await decomposeJournal(executor, journal, { batchItems });
      expect([...flowsCsv(journal, flows)].join('')).toBe(expected);
      expect(isConserved(conservation)).toBe(true);
    }
  }, 60_000);

  it('has no more jobs in flight than it may', async () => {
    const executor = new CountingExecutor(new InProcessExecutor(compiled, 'wasm', 10));
    const { jobs } = await decomposeJournal(executor, journal, { batchItems: 100, jobsInFlight: 3 });
    expect(executor.most).toBe(3);
    expect(executor.sizes).toHaveLength(Math.ceil(journal.subEntryCount / 100));
    expect(jobs.reduce((sum, { itemCount }) => sum + itemCount, 0)).toBe(journal.subEntryCount);
  });

  it('tells its progress up to the last sub-entry', async () => {
    const seen: DecomposeProgress[] = [];
    const executor = new InProcessExecutor(compiled, 'wasm', 50);
    const { flowCount } = await decomposeJournal(executor, journal, {
      batchItems: 200,
      onProgress: (progress) => seen.push(progress),
    });
    expect(seen.length).toBeGreaterThan(10);
    expect(seen.at(-1)).toEqual({
      subEntries: journal.subEntryCount,
      subEntryCount: journal.subEntryCount,
      flows: flowCount,
    });
  });

  it('has nothing to do for a journal without entries', async () => {
    const empty = generateJournal({ lines: 0, seed: SEED });
    const done = await decomposeJournal(new InProcessExecutor(compiled, 'wasm'), empty);
    expect(done).toMatchObject({ flowCount: 0, jobs: [], conservation: { brokenLines: 0, brokenAccounts: 0 } });
  });

  it('rejects with the reason of its signal and gives the jobs up', async () => {
    const controller = new AbortController();
    const executor = new CountingExecutor(new InProcessExecutor(compiled, 'wasm', 10));
    const reason = new Error('enough');
    const done = decomposeJournal(executor, journal, {
      batchItems: 100,
      signal: controller.signal,
      onProgress: ({ subEntries }) => {
        if (subEntries > 300) controller.abort(reason);
      },
    });
    await expect(done).rejects.toBe(reason);
    expect(executor.inFlight).toBe(0);
    expect(executor.sizes.length).toBeLessThan(10);
  });

  it('rejects with the error of a failed job', async () => {
    const error = GpuBridgeError.invalidArgument('lines', 1, 'two');
    const executor: DecompositionExecutor = {
      execute: () =>
        Promise.resolve({
          batches: {
            [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
          },
          result: Promise.resolve({ outcome: 'failed', error } as GpuResult),
        }),
    };
    await expect(decomposeJournal(executor, journal)).rejects.toBe(error);
  });

  it.each([
    ['batchItems', 0],
    ['jobsInFlight', 1.5],
  ])('refuses %s = %d', async (field, value) => {
    const done = decomposeJournal(new InProcessExecutor(compiled, 'wasm'), journal, { [field]: value });
    await expect(done).rejects.toThrow(`${field} is ${value}; expected a positive integer`);
  });
});

describe('checkConservation', () => {
  it('counts what an altered amount breaks', () => {
    const flows = decomposePlain(journal);
    expect(isConserved(checkConservation(journal, flows))).toBe(true);
    flows.amount[10]! += 1;
    const altered = checkConservation(journal, flows);
    expect(altered).toMatchObject({ brokenLines: 2, brokenSubEntries: 1 });
    expect(isConserved(altered)).toBe(false);
  });

  it('sees flows of the wrong direction and lines that do not exist', () => {
    const flows = decomposePlain(journal);
    expect(checkConservation(journal, flows, 'debit-to-credit').brokenSubEntries).toBe(journal.subEntryCount);
    flows.toLine[0] = 1_000_000;
    expect(checkConservation(journal, flows).brokenSubEntries).toBe(1);
  });

  it('adds 64-bit amounts as exactly as numbers', () => {
    const plain = decomposePlain(journal);
    const wide = { ...plain, amount: BigInt64Array.from(plain.amount, BigInt) };
    expect(checkConservation(journal, wide)).toEqual(checkConservation(journal, plain));
    wide.amount[3]! -= 1n;
    expect(checkConservation(journal, wide).brokenSubEntries).toBe(1);
  });
});
