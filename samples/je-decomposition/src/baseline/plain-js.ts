import { JournalError } from '../journal/errors.js';
import type { Journal } from '../journal/journal.js';
import { allocateFlowColumns, type FlowColumns } from '../rules/flow-columns.js';
import { BASE_CONFIDENCE, METHOD, type FlowDirection } from '../rules/method.js';
import { EntrySolver } from './entry-solver.js';

/** Buffers of the baseline, to be used again for further journals that are no larger. */
export interface PlainWorkspace {
  readonly flows: FlowColumns<Float64Array>;
  readonly solver: EntrySolver;
  readonly lineCapacity: number;
  readonly subEntryCapacity: number;
}

export function allocatePlainWorkspace(journal: Journal): PlainWorkspace {
  let longest = 0;
  for (let s = 0; s < journal.subEntryCount; s++) {
    longest = Math.max(longest, journal.offsets[s + 1]! - journal.offsets[s]!);
  }
  return {
    flows: allocateFlowColumns(journal.subEntryCount, journal.lineCount),
    solver: new EntrySolver(longest + 1, journal.accounts.length, journal.classes.length),
    lineCapacity: journal.lineCount,
    subEntryCapacity: journal.subEntryCount,
  };
}

/**
 * The rules in plain single-threaded JavaScript, as fast as we could write them: the opponent of the benchmark. Entries
 * with one line on a side are finished in the loop over the columns, the others by {@link EntrySolver}; nothing is
 * allocated per entry.
 *
 * @param workspace - of this journal; its flows are overwritten and returned. They have no unused places between them.
 * @throws JournalError `INVALID_ARGUMENT` when amounts are too large for exact float64 sums, or the workspace too small.
 */
export function decomposePlain(
  journal: Journal,
  direction: FlowDirection = 'credit-to-debit',
  workspace: PlainWorkspace = allocatePlainWorkspace(journal),
): FlowColumns<Float64Array> {
  const amounts = journal.amountNumber;
  if (amounts === null) {
    throw new JournalError(
      'INVALID_ARGUMENT',
      {},
      'the journal has an entry whose absolute amounts add up to more than 2^53 - 1; ' +
        'expected less, since this implementation sums in float64',
    );
  }
  if (journal.lineCount > workspace.lineCapacity || journal.subEntryCount > workspace.subEntryCapacity) {
    throw new JournalError(
      'INVALID_ARGUMENT',
      {},
      `the workspace holds ${workspace.lineCapacity} lines; expected room for ${journal.lineCount}`,
    );
  }
  const { offsets, account, accountClass, subEntryCount } = journal;
  const { flows, solver } = workspace;
  const { start, count, fromLine, toLine, amount, method, confidence } = flows;
  const sureC = BASE_CONFIDENCE[METHOD.C];
  const creditToDebit = direction === 'credit-to-debit';
  // The sides by where flows start; the rules treat both alike.
  const fromSign = creditToDebit ? -1 : 1;
  let next = 0;
  let begin = 0;
  for (let s = 0; s < subEntryCount; s++) {
    const end = offsets[s + 1]!;
    start[s] = next;
    let fromCount = 0;
    let toCount = 0;
    let residue = 0;
    let oneFrom = 0;
    let oneTo = 0;
    for (let i = begin; i < end; i++) {
      const value = amounts[i]! * fromSign;
      residue += value;
      if (value > 0) {
        fromCount++;
        oneFrom = i;
      } else if (value < 0) {
        toCount++;
        oneTo = i;
      }
    }
    if (residue !== 0 || (fromCount > 1 && toCount > 1)) {
      next = solver.solve(amounts, account, accountClass, begin, end, fromSign, flows, next);
    } else if (fromCount === 1 && toCount === 1) {
      fromLine[next] = oneFrom - begin;
      toLine[next] = oneTo - begin;
      amount[next] = Math.abs(amounts[oneFrom]!);
      method[next] = METHOD.A;
      confidence[next] = 1;
      next++;
    } else if (fromCount === 1) {
      for (let i = begin; i < end; i++) {
        const value = amounts[i]!;
        if (value === 0 || i === oneFrom) continue;
        fromLine[next] = oneFrom - begin;
        toLine[next] = i - begin;
        amount[next] = Math.abs(value);
        method[next] = METHOD.C;
        confidence[next] = sureC;
        next++;
      }
    } else if (toCount === 1) {
      for (let i = begin; i < end; i++) {
        const value = amounts[i]!;
        if (value === 0 || i === oneTo) continue;
        fromLine[next] = i - begin;
        toLine[next] = oneTo - begin;
        amount[next] = Math.abs(value);
        method[next] = METHOD.C;
        confidence[next] = sureC;
        next++;
      }
    }
    count[s] = next - start[s]!;
    begin = end;
  }
  return flows;
}
