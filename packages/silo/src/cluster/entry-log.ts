/** An entry as the engine has it. */
export interface StoredEntry {
  readonly subject: string;
  readonly sequence: number;
  readonly payload: Uint8Array;
  readonly publishedAtMs: number;
  /** No crash can undo it any more. */
  stored: boolean;
  /** Acknowledged or expired. */
  gone: boolean;
}

/** Entries in order of sequence, from which any may vanish. */
export class EntryLog {
  /** Those that are gone stay until they are as many as the others. */
  private entries: StoredEntry[] = [];
  private kept = 0;

  get size(): number {
    return this.kept;
  }

  append(entry: StoredEntry): void {
    this.entries.push(entry);
    this.kept++;
  }

  /** To be told once of every entry that is gone. */
  removed(): void {
    this.kept--;
    if (this.entries.length > 2 * this.kept + 64) this.entries = this.entries.filter(({ gone }) => !gone);
  }

  first(): StoredEntry | undefined {
    return this.after(0);
  }

  last(): StoredEntry | undefined {
    return this.entries.findLast(({ gone }) => !gone);
  }

  /** The first entry behind this sequence. */
  after(sequence: number): StoredEntry | undefined {
    let [low, high] = [0, this.entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.entries[middle]!.sequence > sequence) high = middle;
      else low = middle + 1;
    }
    while (this.entries[low]?.gone === true) low++;
    return this.entries[low];
  }

  *[Symbol.iterator](): Generator<StoredEntry> {
    for (const entry of this.entries) if (!entry.gone) yield entry;
  }
}
