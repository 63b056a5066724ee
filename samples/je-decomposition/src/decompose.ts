import type { ColumnBatch, GpuExecutionHints, GpuResult } from '@gpu-bridge/abstractions';
import { consume } from '@gpu-bridge/streams';
import { JournalError } from './journal/errors.js';
import type { Journal } from './journal/journal.js';
import {
  FlowCollector,
  decompositionInputs,
  type DecompositionInputs,
  type DecompositionOutputs,
} from './kernel/journal-columns.js';
import { checkConservation, type Conservation } from './report/conservation.js';
import type { FlowColumns } from './rules/flow-columns.js';
import type { FlowDirection } from './rules/method.js';

/** What runs the kernel: a reference to its `GpuBatchGrain`, or anything of the same shape. */
export interface DecompositionExecutor {
  execute(
    items: DecompositionInputs,
    hints?: GpuExecutionHints,
    signal?: AbortSignal,
  ): Promise<{
    readonly batches: AsyncIterable<ColumnBatch<DecompositionOutputs>>;
    readonly result: Promise<GpuResult>;
  }>;
}

export interface DecomposeOptions {
  /** Default `credit-to-debit`. */
  readonly direction?: FlowDirection;
  /** Sub-entries of one job, a positive integer. Default 16,384. */
  readonly batchItems?: number;
  /** Jobs submitted and not yet read to their end, a positive integer. Default 4. */
  readonly jobsInFlight?: number;
  readonly hints?: GpuExecutionHints;
  /** Called after each batch of results, with what is done so far. */
  readonly onProgress?: (progress: DecomposeProgress) => void;
  /** Aborting gives up the jobs in flight and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface DecomposeProgress {
  readonly subEntries: number;
  readonly subEntryCount: number;
  readonly flows: number;
}

export interface Decomposition {
  readonly flows: FlowColumns;
  readonly flowCount: number;
  /** Sub-entries that a method decided, by its code; at 0 those without flows. */
  readonly subEntriesByMethod: readonly number[];
  /** Sub-entries with a suspense line. */
  readonly unbalancedSubEntries: number;
  readonly conservation: Conservation;
  /** How each job ended, in the order of the sub-entries. */
  readonly jobs: readonly GpuResult[];
}

/**
 * Decomposes a journal in jobs of `batchItems` sub-entries, takes their flows in as they arrive, and adds them up again
 * per line and account. The journal is borrowed until the promise settles.
 *
 * @throws JournalError `INVALID_ARGUMENT`; GpuBridgeError of the first job that fails, after the others were given up.
 */
export async function decomposeJournal(
  executor: DecompositionExecutor,
  journal: Journal,
  options: DecomposeOptions = {},
): Promise<Decomposition> {
  const { direction = 'credit-to-debit', batchItems = 16_384, jobsInFlight = 4, hints, onProgress, signal } = options;
  requirePositive('batchItems', batchItems);
  requirePositive('jobsInFlight', jobsInFlight);
  const collector = new FlowCollector(journal);
  const givenUp = new AbortController();
  const stop = signal ? AbortSignal.any([signal, givenUp.signal]) : givenUp.signal;

  const runJob = async (first: number): Promise<GpuResult> => {
    const end = Math.min(first + batchItems, journal.subEntryCount);
    const job = await executor.execute(decompositionInputs(journal, direction, first, end), hints, stop);
    let next = first;
    const take = ({ firstItem, itemCount, columns }: ColumnBatch<DecompositionOutputs>): void => {
      if (first + firstItem !== next || next + itemCount > end) {
        throw new Error(`a batch of items ${firstItem} + ${itemCount} came where item ${next - first} was due`);
      }
      collector.append(next, itemCount, columns);
      next += itemCount;
      onProgress?.({
        subEntries: collector.subEntries,
        subEntryCount: journal.subEntryCount,
        flows: collector.flowCount,
      });
    };
    // One credit: a lent batch is valid until the next one is asked for.
    await consume(job.batches, take, { credits: 1, signal: stop });
    const result = await job.result;
    if (result.error !== undefined) throw result.error;
    if (next !== end) throw new Error(`the job ended after ${next - first} of ${end - first} sub-entries`);
    return result;
  };

  const jobs: Promise<GpuResult>[] = [];
  try {
    for (let first = 0; first < journal.subEntryCount; first += batchItems) {
      signal?.throwIfAborted();
      // The oldest job first: what is in flight behind it goes on meanwhile.
      if (jobs.length >= jobsInFlight) await jobs[jobs.length - jobsInFlight];
      const job = runJob(first);
      // Seen below, in order; until then a failure must not count as unhandled.
      job.catch(() => undefined);
      jobs.push(job);
    }
    const results = await Promise.all(jobs);
    return {
      flows: collector.flows,
      flowCount: collector.flowCount,
      subEntriesByMethod: collector.subEntriesByMethod,
      unbalancedSubEntries: collector.unbalancedSubEntries,
      conservation: checkConservation(journal, collector.flows, direction),
      jobs: results,
    };
  } catch (error) {
    givenUp.abort(error);
    // Jobs read the journal until they have ended.
    await Promise.allSettled(jobs);
    signal?.throwIfAborted();
    throw error;
  }
}

function requirePositive(field: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return;
  throw new JournalError('INVALID_ARGUMENT', {}, `${field} is ${value}; expected a positive integer`);
}
