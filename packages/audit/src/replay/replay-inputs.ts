import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { DatasetData, DatasetSource, DType, KernelDescriptor, StorageOf } from '@gpu-bridge/abstractions';
import { uniformValue } from '../format/record.js';
import type { ColumnRecord } from '../format/record.js';
import { checkedBytes } from '../read/log-reader.js';
import type { StoredJob } from '../read/log-reader.js';

/**
 * What to pass to the kernel so that it does again what the recorded job did.
 *
 * @param source - where epochs of datasets are loaded from.
 * @throws GpuBridgeError `INVALID_ARGUMENT` when inputs were only digested or there is no source, `AUDIT_RECORD_INVALID` when they
 *   do not have their digests, what `load` throws.
 */
export async function replayInputs(
  job: StoredJob,
  { params }: KernelDescriptor,
  source: DatasetSource | undefined,
): Promise<Record<string, unknown>> {
  const args: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(job.header.uniforms)) {
    const type = params[name]?.type;
    if (type?.kind === 'scalar') args[name] = uniformValue(text, type.dtype);
  }
  const epochs = new Map<string, DatasetData>();
  for (const [index, column] of job.header.inputs.entries()) {
    const data = await columnData(job, index, column, source, epochs);
    const isList = params[column.param]?.type.kind === 'ragged';
    put(args, column, isList, data);
  }
  return args;
}

async function columnData(
  job: StoredJob,
  index: number,
  column: ColumnRecord,
  source: DatasetSource | undefined,
  epochs: Map<string, DatasetData>,
): Promise<unknown> {
  const { dataset } = column;
  if (dataset === undefined) {
    const bytes = checkedBytes(job, index);
    if (bytes === undefined)
      throw refused(
        job,
        `only the digest of its input ${nameOf(column)} was kept: its kernel's policy was ${job.header.policy}`,
      );
    return typedArray(column.dtype, bytes);
  }
  const { id, epoch } = dataset;
  if (source === undefined)
    throw refused(job, `its input ${nameOf(column)} lies in dataset ${id}@${epoch}, which nobody loads`);
  const key = `${id}@${epoch}`;
  const data = epochs.get(key) ?? (await source.load(id, epoch, new AbortController().signal));
  epochs.set(key, data);
  const [name, field] = dataset.column.split('.') as [string, string | undefined];
  const element = data[name] as Readonly<Record<string, unknown>> | undefined;
  const found = field === undefined ? element : element?.[field];
  if (found === undefined) throw refused(job, `dataset ${key} has no column ${dataset.column}`);
  return found;
}

/** As callers pass it: bare columns, structs by field, lists with offsets. */
function put(args: Record<string, unknown>, column: ColumnRecord, isList: boolean, data: unknown): void {
  const { param, part, column: name } = column;
  if (!isList && name === 'value') {
    args[param] = data;
    return;
  }
  const record = (args[param] ??= {}) as Record<string, unknown>;
  if (part === 'offsets') record['offsets'] = data;
  else if (!isList) record[name] = data;
  else ((record['columns'] ??= {}) as Record<string, unknown>)[name] = data;
}

export function nameOf({ param, part, column }: ColumnRecord): string {
  if (part !== 'column') return `${param}.${part}`;
  return column === 'value' ? param : `${param}.${column}`;
}

const ARRAYS = {
  f32: Float32Array,
  f64: Float64Array,
  i32: Int32Array,
  u32: Uint32Array,
  i64: BigInt64Array,
  u64: BigUint64Array,
  bool: Uint32Array,
} as const;

/** A column in memory of its own. */
export function typedArray(dtype: DType, bytes: Uint8Array): StorageOf[DType] {
  return new ARRAYS[dtype](Uint8Array.from(bytes).buffer);
}

function refused({ header: { jobId } }: StoredJob, reason: string): GpuBridgeError {
  return GpuBridgeError.invalidArgument(`job ${jobId}`, reason, 'a job whose inputs were stored or lie in datasets');
}
