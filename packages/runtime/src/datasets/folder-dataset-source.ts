import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { DType, DatasetColumns, DatasetData, DatasetSource } from '@gpu-bridge/abstractions';
import { dataOfBytes } from './dataset-columns.js';
import { digestOf } from './epoch-digest.js';
import { epochFileName, readEpochFile, writeEpochFile } from './epoch-file.js';
import type { EpochFile } from './epoch-file.js';

/**
 * Keeps epochs as files of a folder, one each, that several silos may share. A file is written whole or not at all, never
 * replaced, and checked against its digest when it is loaded.
 *
 * `load` throws `DATASET_NOT_FOUND` without a file, `DATASET_INVALID` for one that is damaged or of another epoch, and
 * `CANCELLED`; `save` throws `DATASET_INVALID` when there is a file of the epoch with other content, which stays; both throw
 * `STORAGE_UNAVAILABLE` when the folder cannot be used.
 *
 * @param folder - made where it does not exist, for this user alone.
 */
export function folderDatasetSource<C extends DatasetColumns = DatasetColumns>(
  folder: string,
): Required<DatasetSource<C>> {
  if (typeof folder !== 'string' || folder === '')
    throw GpuBridgeError.invalidArgument('folder', folder, 'the path of a folder');
  const pathOf = (id: string, epoch: string): string => join(folder, epochFileName(id, epoch));
  return {
    load: async (id, epoch, signal) => {
      const file = await readWhole(pathOf(id, epoch), id, epoch, signal);
      // Whether these are the columns that the dataset has is checked by the store, as it is for every source.
      return dataOfBytes(file.header.columns, file.bytes) as DatasetData<C>;
    },
    save: async (id, epoch, data) => {
      const columns = flattened(data);
      const bytes = columns.map(({ array }) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
      const described = columns.map(({ name, array }) => ({ name, dtype: dtypeOf(array), count: array.length }));
      const digest = await digestOf(described, bytes);
      const path = pathOf(id, epoch);
      const isNew = await using(folder, async () => {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        return writeEpochFile(path, { id, epoch, columns: described, digest }, bytes);
      });
      if (isNew) return;
      const { header } = await readWhole(path, id, epoch);
      if (header.digest !== digest) throw invalid(id, epoch, 'there is a file of this epoch with other content');
    },
  };
}

async function readWhole(path: string, id: string, epoch: string, signal?: AbortSignal): Promise<EpochFile> {
  const file = await readEpochFile(path, signal).catch((error: unknown) => {
    if (signal?.aborted === true)
      throw new GpuBridgeError('CANCELLED', { what: `load of dataset ${id}` }, 'the signal was aborted');
    if (isSystemError(error)) throw unavailable(path, error);
    throw invalid(id, epoch, error instanceof Error ? error.message : String(error));
  });
  if (file === undefined)
    throw new GpuBridgeError('DATASET_NOT_FOUND', { dataset: id, epoch, known: [] }, `there is no file ${path}`);
  const { header, bytes } = file;
  if (header.id !== id || header.epoch !== epoch)
    throw invalid(id, epoch, `its file is that of epoch ${header.epoch} of ${header.id}`);
  if ((await digestOf(header.columns, bytes)) !== header.digest) throw invalid(id, epoch, 'its file is damaged');
  return file;
}

async function using<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isSystemError(error) ? unavailable(folder, error) : error;
  }
}

type StoredArray = Float32Array | Float64Array | Int32Array | Uint32Array | BigInt64Array | BigUint64Array;

/** Columns by name, fields of structs as `column.field`; `{ low, high }` is kept as it is, as two fields. */
function flattened(data: DatasetData): readonly { readonly name: string; readonly array: StoredArray }[] {
  return Object.entries(data).flatMap(([name, column]) => {
    if (ArrayBuffer.isView(column)) return [{ name, array: column }];
    return Object.entries(column as Record<string, StoredArray>).map(([field, array]) => ({
      name: `${name}.${field}`,
      array,
    }));
  });
}

/** Of what is stored: truth values are u32. */
function dtypeOf(array: StoredArray): DType {
  if (array instanceof Float32Array) return 'f32';
  if (array instanceof Float64Array) return 'f64';
  if (array instanceof Int32Array) return 'i32';
  if (array instanceof Uint32Array) return 'u32';
  return array instanceof BigInt64Array ? 'i64' : 'u64';
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}

function unavailable(path: string, cause: Error): GpuBridgeError {
  const details = { what: `dataset folder ${path}`, reason: cause.message };
  return new GpuBridgeError('STORAGE_UNAVAILABLE', details, `${details.what}: ${details.reason}`, { cause });
}

function invalid(dataset: string, epoch: string, reason: string): GpuBridgeError {
  return new GpuBridgeError(
    'DATASET_INVALID',
    { dataset, epoch, reason },
    `epoch ${epoch} of dataset ${dataset} cannot be had as it was: ${reason}`,
  );
}
