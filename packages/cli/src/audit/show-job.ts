import { readJob } from '@gpu-bridge/audit';
import type { StoredJob } from '@gpu-bridge/audit';
import { tableOf } from '../table.js';

/** Everything that is kept of a job, but for the elements of its columns. */
export function showJob(folder: string, jobId: string, json: boolean): string {
  const job = readJob(folder, jobId);
  const { record, segment, header } = job;
  if (json) return JSON.stringify({ record, segment, ...header, ...columnsOf(job) }, null, 2);
  const { inputs, outputs, ...fields } = header;
  const facts = Object.entries({ record, segment, ...fields }).map(([name, value]) => [
    name,
    typeof value === 'object' ? JSON.stringify(value) : String(value),
  ]);
  const columns = columnsOf(job);
  const rows = [...inputs.map((_, i) => columns.inputs[i]!), ...outputs.map((_, i) => columns.outputs[i]!)].map(
    (column, i) => [
      i < inputs.length ? 'input' : 'output',
      [column.param, ...(column.part === 'column' ? [] : [column.part]), column.column].join('.'),
      column.dtype,
      `${column.bytes} bytes`,
      column.dataset === undefined ? `sha256:${column.digest}` : `${column.dataset.id}@${column.dataset.epoch}`,
      column.stored ? 'stored' : '',
    ],
  );
  return [...tableOf(facts), '', ...tableOf(rows)].join('\n');
}

function columnsOf({ header, digests }: StoredJob) {
  const at = header.inputs.length;
  return {
    inputs: header.inputs.map((column, i) => ({ ...column, digest: digests[i] })),
    outputs: header.outputs.map((column, i) => ({ ...column, digest: digests[at + i] })),
  };
}
