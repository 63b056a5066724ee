import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger, ResolvedDatasetsOptions } from '@gpu-bridge/abstractions';
import { columnBytes } from './dataset-columns.js';
import type { Epoch, EpochContent } from './epoch.js';
import { epochFileName, readEpochFile, writeEpochFile } from './epoch-file.js';

/** Evicted bytes that may be on their way to disk before more is evicted. */
const MAX_PENDING_BYTES = 256 * 2 ** 20;

/** An epoch that made way and has no source: in memory until it is on disk. */
interface Spilled {
  readonly content: EpochContent;
  /** Its block as it was; undefined once it is on disk. */
  block: Uint8Array | undefined;
  /** Undefined until it is on disk. */
  path: string | undefined;
  /** It could not be written and stays in memory. */
  hasFailed: boolean;
}

/** Keeps evicted epochs that can be had from nowhere else, in files of this silo alone. */
export class SpillFolder {
  private readonly spilled = new Map<Epoch, Spilled>();
  private pending = 0;
  private writes = 0;
  private total = 0;
  private made: Promise<string> | undefined;
  /** Files are written one after the other. */
  private writing: Promise<void> = Promise.resolve();
  private stopped = false;
  private readonly maxBytes: number;

  /**
   * @param forgetEpoch - called for a superseded epoch that makes way; calls `forget` here.
   * @param written - called when there is room for another epoch of a tenant, or never will be.
   */
  constructor(
    private readonly options: ResolvedDatasetsOptions,
    private readonly logger: Logger,
    private readonly forgetEpoch: (epoch: Epoch) => void,
    private readonly written: (epoch: Epoch) => void,
    private readonly maxPendingBytes = MAX_PENDING_BYTES,
  ) {
    this.maxBytes = options.spillMiB * 2 ** 20;
  }

  /** Bytes of all epochs that are here. */
  get spilledBytes(): number {
    return this.total;
  }

  /** Takes nothing more until something is on disk; what made room for one block may have gone beyond the limit. */
  get isFull(): boolean {
    return this.pending >= this.maxPendingBytes;
  }

  /** It is full, and will not be soon. */
  get isBusy(): boolean {
    return this.isFull && this.writes > 0;
  }

  /** Bytes that can be kept in all beside what must stay. */
  get freeBytes(): number {
    let bytes = this.maxBytes - this.total;
    for (const [epoch, { content }] of this.spilled) if (epoch.isForgettable) bytes += content.layout.sizeBytes;
    return bytes;
  }

  has(epoch: Epoch): boolean {
    return this.spilled.has(epoch);
  }

  /** Takes a copy of an epoch's block at once, and writes it in the background. */
  keep(epoch: Epoch, content: EpochContent, block: Uint8Array): void {
    if (this.stopped) return; // nobody can open it any more
    for (const other of [...this.spilled.keys()].sort((a, b) => a.age - b.age)) {
      if (this.total + block.length <= this.maxBytes) break;
      if (other.isForgettable) this.forgetEpoch(other);
    }
    const entry: Spilled = { content, block: block.slice(), path: undefined, hasFailed: false };
    this.spilled.set(epoch, entry);
    this.total += block.length;
    this.pending += block.length;
    this.writes++;
    this.writing = this.writing
      .then(() => this.write(epoch, entry))
      .then(() => {
        this.writes--;
        this.written(epoch);
      });
  }

  /**
   * An epoch's columns as bytes; its file stays, since an epoch does not change.
   *
   * @returns undefined when it is not here.
   * @throws Error when its file cannot be read.
   */
  async read(epoch: Epoch): Promise<readonly Uint8Array[] | undefined> {
    const entry = this.spilled.get(epoch);
    if (entry === undefined) return undefined;
    const { content, block, path } = entry;
    if (block !== undefined) return columnBytes(content.layout, block.buffer, block.byteOffset);
    return (await readEpochFile(path!))?.bytes;
  }

  forget(epoch: Epoch): void {
    const entry = this.spilled.get(epoch);
    if (entry === undefined) return;
    this.spilled.delete(epoch);
    this.total -= entry.content.layout.sizeBytes;
    if (entry.hasFailed) this.pending -= entry.content.layout.sizeBytes;
    if (entry.path !== undefined) void this.remove(entry.path);
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    await this.writing;
  }

  /** Removes everything. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.spilled.clear();
    this.total = 0;
    await this.writing;
    const folder = await this.made?.catch(() => undefined);
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }

  private async write(epoch: Epoch, entry: Spilled): Promise<void> {
    const { content, block } = entry;
    const { id } = epoch.dataset;
    try {
      if (this.isWanted(epoch, entry)) {
        const path = join(await this.folder(), `${epoch.age}-${epochFileName(id, epoch.name)}`);
        const { columns } = content.layout;
        const header = { id, epoch: epoch.name, columns, digest: content.digest };
        await writeEpochFile(path, header, columnBytes(content.layout, block!.buffer, block!.byteOffset));
        if (this.isWanted(epoch, entry)) entry.path = path;
        else await this.remove(path);
      }
    } catch (error) {
      // It stays in memory, where it counts: nothing else is spilled until it is gone.
      this.logger.error('an evicted dataset cannot be written', { dataset: id, epoch: epoch.name, error });
      entry.hasFailed = this.isWanted(epoch, entry);
      if (entry.hasFailed) return;
    }
    entry.block = undefined;
    this.pending -= content.layout.sizeBytes;
  }

  private isWanted(epoch: Epoch, entry: Spilled): boolean {
    return !this.stopped && this.spilled.get(epoch) === entry;
  }

  private folder(): Promise<string> {
    this.made ??= this.make().catch((error: unknown) => {
      this.made = undefined;
      throw error;
    });
    return this.made;
  }

  /** A folder that only this user can read; mkdtemp makes it so. */
  private async make(): Promise<string> {
    const { spillFolder: parent } = this.options;
    if (parent !== undefined) await mkdir(parent, { recursive: true, mode: 0o700 });
    return mkdtemp(join(parent ?? tmpdir(), 'gpu-bridge-datasets-'));
  }

  private async remove(path: string): Promise<void> {
    await rm(path, { force: true }).catch((error: unknown) =>
      this.logger.warn('a spilled dataset cannot be removed', { path, error }),
    );
  }
}
