import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Folders that this process has locked; its own pid in a lock file may be that of an earlier process. */
const lockedHere = new Set<string>();

/**
 * A folder in the hands of one process of this host. The lock file names the process, so that one left by a process that
 * was killed is recognised and taken over.
 */
export class FolderLock {
  private constructor(private readonly path: string) {}

  /**
   * @param folder - its real path, or another spelling would be another folder.
   * @throws Error that says which process has the folder.
   */
  static async acquire(folder: string): Promise<FolderLock> {
    const path = join(folder, 'cluster.lock');
    if (lockedHere.has(path)) throw new Error(`folder ${folder} is in use by another cluster of this process`);
    lockedHere.add(path);
    try {
      while (!(await create(path))) await removeStale(folder, path);
      return new FolderLock(path);
    } catch (error) {
      lockedHere.delete(path);
      throw error;
    }
  }

  async release(): Promise<void> {
    await rm(this.path, { force: true });
    lockedHere.delete(this.path);
  }
}

/** @returns false when there is a lock. */
async function create(path: string): Promise<boolean> {
  // Written elsewhere and linked: a lock file is never seen half-written.
  const draft = `${path}.${randomUUID()}`;
  const file = await open(draft, 'wx');
  try {
    await file.writeFile(`${process.pid} ${startOf(process.pid)}\n`);
  } finally {
    await file.close();
  }
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** @throws Error when the process that holds the lock lives. */
async function removeStale(folder: string, path: string): Promise<void> {
  const found = await readIfThere(path);
  if (found === undefined) return;
  refuseIfHeld(folder, found);
  // Moved before it is removed, because another process may have replaced it in between: what was moved tells.
  const moved = `${path}.${randomUUID()}`;
  try {
    await rename(path, moved);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  const taken = await readIfThere(moved);
  try {
    if (taken !== found && taken !== undefined) {
      await link(moved, path);
      refuseIfHeld(folder, taken);
    }
  } finally {
    await rm(moved, { force: true });
  }
}

function refuseIfHeld(folder: string, lock: string): void {
  const [pid = '', start = ''] = lock.trim().split(' ');
  const holder = Number(pid);
  // Not this process: that was looked at first. After a restart of a container its pid is often the same.
  if (!Number.isInteger(holder) || holder <= 0 || holder === process.pid || !lives(holder)) return;
  const seen = startOf(holder);
  if (seen !== '' && start !== '' && seen !== start) return;
  throw new Error(`folder ${folder} is in use by process ${holder}`);
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

/** When a process started, in the words of Linux; '' elsewhere. Tells apart two processes that had the same pid. */
function startOf(pid: number): string {
  try {
    // Field 22 of proc_pid_stat(5); the second may hold spaces and ends with the last parenthesis.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
