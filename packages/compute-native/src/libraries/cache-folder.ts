import { mkdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { GpuBridgeError } from '@gpu-bridge/abstractions';

/** A folder of this user's in the system's cache place. */
export function defaultCacheFolder(): string {
  const base = process.env['XDG_CACHE_HOME'];
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'gpu-bridge');
}

/**
 * Makes the folder where it does not exist. What lies in it is run, so nobody else may write there.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT`.
 */
export function privateFolder(path: string): string {
  const field = 'options.native.cacheFolder';
  let stat;
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    stat = statSync(path);
  } catch (cause) {
    throw GpuBridgeError.invalidArgument(field, path, `a folder that can be made and written (${String(cause)})`);
  }
  const isOurs = stat.uid === process.getuid?.() && (stat.mode & 0o022) === 0;
  if (!stat.isDirectory() || !isOurs || path.includes('\n'))
    throw GpuBridgeError.invalidArgument(
      field,
      path,
      'a folder that belongs to this user and that nobody else can write',
    );
  return path;
}
