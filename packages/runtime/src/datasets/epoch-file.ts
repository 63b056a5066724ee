import { createHash, randomUUID } from 'node:crypto';
import { link, open, rename, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DType } from '@gpu-bridge/abstractions';
import { sizeOf } from '@gpu-bridge/abstractions';

const MAGIC = 'gpu-bridge epoch 1\n';
/** Read and written in one go. */
const STEP_BYTES = 16 * 2 ** 20;
const MAX_HEADER_BYTES = 2 ** 20;

/** First of an epoch's file: a line of JSON after the magic one. The columns' bytes follow, little-endian, without gaps. */
export interface EpochHeader {
  readonly id: string;
  readonly epoch: string;
  readonly columns: readonly { readonly name: string; readonly dtype: DType; readonly count: number }[];
  /** SHA-256 as of `digestOf`. */
  readonly digest: string;
}

/** A file name for any id and epoch: what is long or unusual is escaped or replaced by a digest. */
export function epochFileName(id: string, epoch: string): string {
  return `${escaped(id)}@${escaped(epoch)}.epoch`;
}

function escaped(name: string): string {
  const plain = [...Buffer.from(name)]
    .map((byte) => (/[A-Za-z0-9_-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : hexOf(byte)))
    .join('');
  return plain.length <= 96
    ? plain
    : `${plain.slice(0, 48)}~${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
}

function hexOf(byte: number): string {
  return `%${byte.toString(16).padStart(2, '0')}`;
}

/**
 * Writes an epoch under a temporary name, lets it reach the disk, and gives it its name then: a file is whole or not there.
 *
 * @returns false when there is a file of that name already, which stays as it is.
 */
export async function writeEpochFile(
  path: string,
  header: EpochHeader,
  bytes: readonly Uint8Array[],
): Promise<boolean> {
  const temporary = join(dirname(path), `.${randomUUID()}.tmp`);
  const file = await open(temporary, 'wx', 0o600);
  try {
    try {
      await writeAll(file, Buffer.from(`${MAGIC}${JSON.stringify(header)}\n`));
      for (const column of bytes) await writeAll(file, column);
      await file.sync();
    } finally {
      await file.close();
    }
    return await nameOnce(temporary, path);
  } finally {
    await unlink(temporary).catch(() => undefined); // it has its own name already
    await syncFolder(dirname(path));
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, at, Math.min(STEP_BYTES, bytes.length - at));
    at += bytesWritten;
  }
}

/** Other than a rename, a link replaces nothing; some file systems have none. */
async function nameOnce(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error;
    await rename(temporary, path);
  }
  return true;
}

/** So that the name survives a power cut too; Windows has no such thing. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** An epoch that was read from a file. Its digest was not checked. */
export interface EpochFile {
  readonly header: EpochHeader;
  readonly bytes: readonly Uint8Array[];
}

/**
 * @returns undefined without such a file.
 * @throws Error with the reason when it is no whole file of an epoch, or cannot be read.
 */
export async function readEpochFile(path: string, signal?: AbortSignal): Promise<EpochFile | undefined> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const { header, end } = await readHeader(file);
    const bytes: Uint8Array[] = [];
    let at = end;
    const { size } = await file.stat();
    const wanted = header.columns.reduce((sum, { dtype, count }) => sum + count * sizeOf(dtype), end);
    if (size !== wanted) throw new Error(`it has ${size} bytes, not ${wanted}`);
    for (const { dtype, count } of header.columns) {
      const column = new Uint8Array(count * sizeOf(dtype));
      await readAll(file, column, at, signal);
      at += column.length;
      bytes.push(column);
    }
    return { header, bytes };
  } finally {
    await file.close();
  }
}

async function readHeader(file: FileHandle): Promise<{ readonly header: EpochHeader; readonly end: number }> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_HEADER_BYTES), 0, MAX_HEADER_BYTES, 0);
  const start = buffer.subarray(0, bytesRead);
  const end = start.indexOf('\n', MAGIC.length) + 1;
  if (start.toString('latin1', 0, MAGIC.length) !== MAGIC || end === 0) throw new Error('it is no file of an epoch');
  const header = JSON.parse(start.toString('utf8', MAGIC.length, end)) as Partial<EpochHeader> | null;
  const isHeader =
    typeof header?.id === 'string' &&
    typeof header.epoch === 'string' &&
    typeof header.digest === 'string' &&
    Array.isArray(header.columns) &&
    (header.columns as EpochHeader['columns']).every(
      ({ name, dtype, count }) => typeof name === 'string' && isSize(sizeOf(dtype) * count),
    );
  if (!isHeader) throw new Error('its header is none of an epoch');
  return { header: header as EpochHeader, end };
}

function isSize(bytes: number): boolean {
  return Number.isInteger(bytes) && bytes >= 0 && bytes < 2 ** 32;
}

async function readAll(
  file: FileHandle,
  into: Uint8Array,
  from: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let at = 0; at < into.length;) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(into, at, Math.min(STEP_BYTES, into.length - at), from + at);
    if (bytesRead === 0) throw new Error('it ends early');
    at += bytesRead;
  }
}
