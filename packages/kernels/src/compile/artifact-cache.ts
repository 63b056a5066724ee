import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { PackedKernel } from './packed-kernel.js';
import { sha256 } from './packed-kernel.js';

/** What a cache folder may hold before the oldest entries go. */
const DEFAULT_CACHE_BYTES = 256 * 2 ** 20;

const ENTRY = /^[0-9a-f]{64}\.json$/;
const UNFINISHED = /^[0-9a-f]{64}\.\d+\.[0-9a-z]+\.tmp$/;
const UNFINISHED_AGE_MS = 3_600_000;

/**
 * Compiled kernels in a folder, by the hash of all that they follow from. Any number of processes may share it: an entry
 * appears as a whole or not at all. An entry that is not as it was written is ignored, and replaced by the next `set`.
 */
export class ArtifactCache {
  /** @throws GpuBridgeError `INVALID_ARGUMENT` for a folder that cannot be made or a limit that is no positive integer. */
  constructor(
    private readonly folder: string,
    private readonly maxBytes = DEFAULT_CACHE_BYTES,
  ) {
    if (!Number.isSafeInteger(maxBytes) || maxBytes <= 0) {
      throw GpuBridgeError.invalidArgument('cacheBytes', maxBytes, 'a positive number of bytes');
    }
    try {
      // Only this user: what lies in it is run.
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw GpuBridgeError.invalidArgument('cacheFolder', folder, `a folder that can be made (${String(cause)})`);
    }
  }

  get(key: string): PackedKernel | undefined {
    const file = this.fileOf(key);
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch {
      return undefined;
    }
    const end = text.indexOf('\n');
    const body = text.slice(end + 1);
    if (text.slice(0, end) !== headOf(key, body)) return undefined;
    try {
      const now = new Date();
      utimesSync(file, now, now); // used last, evicted last
    } catch {
      // Read-only, or evicted in this moment: what was read stands.
    }
    return JSON.parse(body) as PackedKernel;
  }

  /** Keeps a kernel. A folder that cannot be written to leaves the cache as it is, which costs time and nothing else. */
  set(key: string, packed: PackedKernel): void {
    const body = JSON.stringify(packed);
    const unfinished = join(this.folder, `${key}.${process.pid}.${Math.random().toString(36).slice(2)}.tmp`);
    try {
      writeFileSync(unfinished, `${headOf(key, body)}\n${body}`, { mode: 0o600 });
      renameSync(unfinished, this.fileOf(key));
      this.evict();
    } catch {
      rmSync(unfinished, { force: true });
    }
  }

  private fileOf(key: string): string {
    return join(this.folder, `${key}.json`);
  }

  private evict(): void {
    const now = Date.now();
    const entries: { readonly file: string; readonly size: number; readonly mtimeMs: number }[] = [];
    for (const name of readdirSync(this.folder)) {
      if (!ENTRY.test(name) && !UNFINISHED.test(name)) continue; // not ours
      const file = join(this.folder, name);
      const stat = statSync(file, { throwIfNoEntry: false });
      if (stat === undefined) continue;
      if (ENTRY.test(name)) entries.push({ file, size: stat.size, mtimeMs: stat.mtimeMs });
      else if (now - stat.mtimeMs > UNFINISHED_AGE_MS) rmSync(file, { force: true }); // its writer died
    }
    let total = entries.reduce((sum, entry) => sum + entry.size, 0);
    for (const { file, size } of entries.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
      if (total <= this.maxBytes) break;
      rmSync(file, { force: true });
      total -= size;
    }
  }
}

/** First line of an entry: what it answers, and the hash of the rest. */
function headOf(key: string, body: string): string {
  return `gpu-bridge-kernel ${key} ${sha256(body)}`;
}
