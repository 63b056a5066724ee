import type { KernelDefinition, KernelInputs, KernelOutputs } from '@gpu-bridge/abstractions';
import type { Journal } from '../journal/journal.js';
import type { FlowColumns } from '../rules/flow-columns.js';
import { METHOD, type FlowDirection } from '../rules/method.js';
import type { jeDecomposition } from './je.kernel.js';

type ParamsOf<K> = K extends KernelDefinition<infer P> ? P : never;
/** What a job of the kernel takes: one item per sub-entry. */
export type DecompositionInputs = KernelInputs<ParamsOf<typeof jeDecomposition>>;
/** What it gives back. */
export type DecompositionOutputs = KernelOutputs<ParamsOf<typeof jeDecomposition>>;

/**
 * The sub-entries `[first, end)` of a journal as inputs of the kernel. Only the offsets are copied, since they start at 0
 * in every job; the other columns are views of the journal's.
 */
export function decompositionInputs(
  journal: Journal,
  direction: FlowDirection = 'credit-to-debit',
  first = 0,
  end = journal.subEntryCount,
): DecompositionInputs {
  const firstLine = journal.offsets[first]!;
  const endLine = journal.offsets[end]!;
  const offsets = journal.offsets.slice(first, end + 1);
  if (firstLine !== 0) for (let i = 0; i < offsets.length; i++) offsets[i]! -= firstLine;
  return {
    lines: {
      offsets,
      columns: {
        amount: journal.amount.subarray(firstLine, endLine),
        account: journal.account.subarray(firstLine, endLine),
        accountClass: journal.accountClass.subarray(firstLine, endLine),
      },
    },
    direction: direction === 'credit-to-debit' ? 0 : 1,
  };
}

/** Flows of a journal as results of the kernel arrive, in any order of sub-entries. */
export class FlowCollector {
  /** A sub-entry's flows start where its lines do: there are never more flows than lines. */
  readonly flows: FlowColumns;
  private readonly amountWords: Uint32Array | null;
  private readonly bySubEntries = new Float64Array(METHOD.E + 1);
  private unbalanced = 0;
  private collected = 0;
  private collectedFlows = 0;

  constructor(private readonly journal: Journal) {
    const { subEntryCount, lineCount, amountNumber, offsets } = journal;
    const wide = amountNumber === null ? new BigInt64Array(lineCount) : null;
    this.amountWords = wide && new Uint32Array(wide.buffer);
    this.flows = {
      start: offsets.slice(0, subEntryCount),
      count: new Uint32Array(subEntryCount),
      fromLine: new Uint32Array(lineCount),
      toLine: new Uint32Array(lineCount),
      amount: wide ?? new Float64Array(lineCount),
      method: new Uint32Array(lineCount),
      confidence: new Float32Array(lineCount),
    };
  }

  /** Sub-entries taken in so far. */
  get subEntries(): number {
    return this.collected;
  }

  get flowCount(): number {
    return this.collectedFlows;
  }

  /** Sub-entries with a suspense line. */
  get unbalancedSubEntries(): number {
    return this.unbalanced;
  }

  /** Sub-entries that a method decided, by its code; at 0 those without flows. */
  get subEntriesByMethod(): readonly number[] {
    return [...this.bySubEntries];
  }

  /**
   * Copies the flows of consecutive sub-entries; the batch may be reused afterwards.
   *
   * @param firstSubEntry - the sub-entry that the batch's first item is.
   * @throws RangeError when a sub-entry comes with more flows than it has lines, or lies outside the journal.
   */
  append(firstSubEntry: number, itemCount: number, { flows: batch, summary }: DecompositionOutputs): void {
    const { flows, journal, amountWords } = this;
    const { fromLine, toLine, method, confidence, amount } = batch.columns;
    const words = new Uint32Array(amount.array.buffer, amount.array.byteOffset, 2 * amount.length);
    const residues = new Int32Array(
      summary.residue.array.buffer,
      summary.residue.array.byteOffset,
      2 * summary.residue.length,
    );
    if (firstSubEntry + itemCount > journal.subEntryCount) {
      throw new RangeError(
        `sub-entry ${firstSubEntry + itemCount - 1}: expected one of the journal's ${journal.subEntryCount}`,
      );
    }
    for (let item = 0; item < itemCount; item++) {
      const subEntry = firstSubEntry + item;
      const count = batch.counts[item]!;
      const start = journal.offsets[subEntry]!;
      if (count > journal.offsets[subEntry + 1]! - start) {
        throw new RangeError(`sub-entry ${subEntry} has ${count} flows: expected at most one per line`);
      }
      flows.count[subEntry] = count;
      const source = batch.start(item);
      for (let i = 0; i < count; i++) {
        flows.fromLine[start + i] = fromLine[source + i]!;
        flows.toLine[start + i] = toLine[source + i]!;
        flows.method[start + i] = method[source + i]!;
        flows.confidence[start + i] = confidence[source + i]!;
        const [low, high] = [words[2 * (source + i)]!, words[2 * (source + i) + 1]!];
        if (amountWords === null) {
          // Flows of the kernel are positive, and here below 2^53.
          flows.amount[start + i] = high * 4_294_967_296 + low;
        } else {
          amountWords[2 * (start + i)] = low;
          amountWords[2 * (start + i) + 1] = high;
        }
      }
      this.collectedFlows += count;
      this.bySubEntries[summary.method[item]!]!++;
      if (residues[2 * item] !== 0 || residues[2 * item + 1] !== 0) this.unbalanced++;
    }
    this.collected += itemCount;
  }
}
