import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Folders that this process has locked: its own pid in a lock file may be that of an earlier process. */
const lockedHere = new Set<string>();

/**
 * Keeps a second writer away from the log. Two that start at the same moment over the lock of a dead process are told apart
 * later: only one of them can make the next segment.
 */
export class FolderLock {
  private constructor(
    private readonly path: string,
    private readonly text: string,
  ) {}

  /** @throws Error that says who has the folder. */
  static acquire(folder: string): FolderLock {
    const path = join(folder, 'lock');
    if (lockedHere.has(path)) throw new Error('the folder is in use by another log of this process');
    const text = `${process.pid} ${startOf(process.pid)}\n`;
    if (!create(path, text)) {
      refuseIfHeld(path);
      rmSync(path, { force: true });
      if (!create(path, text)) throw new Error('the folder is being opened by another process');
    }
    lockedHere.add(path);
    return new FolderLock(path, text);
  }

  release(): void {
    if (textOf(this.path) === this.text) rmSync(this.path, { force: true });
    lockedHere.delete(this.path);
  }
}

function create(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function refuseIfHeld(path: string): void {
  const [pid = '', start = ''] = textOf(path).trim().split(' ');
  const holder = Number(pid);
  if (!Number.isInteger(holder) || holder <= 0 || holder === process.pid) return;
  try {
    process.kill(holder, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
  }
  // Another process may have got the pid since.
  if (start !== '' && startOf(holder) !== start) return;
  throw new Error(`the folder is in use by process ${holder}`);
}

/** When a process started, in the words of Linux (field 22 of proc_pid_stat(5)); '' elsewhere. */
function startOf(pid: number): string {
  const stat = textOf(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
