import type { LogReport } from '@gpu-bridge/audit';

/** What a verification found, in words. */
export function textOfReport(report: LogReport): string {
  const {
    segments,
    records,
    firstRecord,
    head,
    closed,
    lossWindow,
    unconfirmedRecords,
    tornBytes,
    recoveries,
    problems,
  } = report;
  const from = firstRecord === 0 ? '' : `, from record ${firstRecord} on: older segments were moved away`;
  const state = closed ? 'closed' : 'open, or not closed by its writer';
  const lines = [`${records} records in ${segments} segments are as they were written${from}`, `the log is ${state}`];
  if (!closed && lossWindow !== undefined)
    lines.push(`if it crashed, the last ${lossWindow.ms} ms, at most ${lossWindow.bytes} bytes, may be missing`);
  if (unconfirmedRecords > 0) lines.push(`${unconfirmedRecords} records behind the last confirmed one are whole`);
  if (tornBytes > 0) lines.push(`the last record did not arrive whole: ${tornBytes} bytes, within the loss window`);
  for (const { record, atMs, keptRecords, tornBytes: cut, lossWindowMs, lossWindowBytes } of recoveries) {
    const window = `the last ${lossWindowMs} ms before, at most ${lossWindowBytes} bytes, may be missing`;
    const kept = `${keptRecords} records were kept and ${cut} torn bytes cut off`;
    lines.push(`record ${record}: opened after a crash at ${new Date(atMs).toISOString()}; ${kept}; ${window}`);
  }
  if (report.expectedRecord !== undefined) lines.push(`record ${report.expectedRecord} has the expected hash`);
  for (const { record, segment, reason } of problems) lines.push(`INVALID record ${record} in ${segment}: ${reason}`);
  return [...lines, `head ${head || '(unknown)'}`].join('\n');
}
