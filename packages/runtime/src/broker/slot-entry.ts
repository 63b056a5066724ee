import { Op } from '@gpu-bridge/protocol';
import type { Sqe } from '@gpu-bridge/protocol';
import type { Batch } from './batch.js';
import type { InFlightEntry } from './in-flight-table.js';

/** Fills a submission entry from the record that the journal keeps of it. */
export function writeEntry(entry: Sqe, record: InFlightEntry, generation: number): void {
  const { batch } = record;
  entry.op = Op.RUN;
  entry.kernel = batch.kernel.kernelNumber;
  entry.generation = generation;
  entry.userDataLow = record.index;
  entry.userDataHigh = record.tag;
  entry.paramsLow = batch.argumentsOffset;
  entry.firstItem = record.firstItem;
  entry.itemCount = record.itemCount;
  entry.group = record.group;
  entry.mode = batch.jobs[0]!.mode;
  writeDeadline(entry, batch);
}

/** The earliest deadline of the batch's jobs, for the executor to see; 0 without one. */
function writeDeadline(entry: Sqe, batch: Batch): void {
  let deadlineNs = 0n;
  for (const { hints } of batch.jobs) {
    if (hints.deadlineNs !== undefined && (deadlineNs === 0n || hints.deadlineNs < deadlineNs))
      deadlineNs = hints.deadlineNs;
  }
  entry.deadlineLow = deadlineNs === 0n ? 0 : Number(deadlineNs & 0xffff_ffffn);
  entry.deadlineHigh = deadlineNs === 0n ? 0 : Number(deadlineNs >> 32n);
}
