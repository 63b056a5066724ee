import type { JournalRecord } from './journal-record.js';

/** Where an engine writes what shall survive it. */
export interface Journal {
  append(record: JournalRecord): void;
  /** Runs once everything appended before is stored; at once when it is. Never, when storing failed. */
  whenStored(callback: () => void): void;
  /** Stores what was appended, then releases everything. */
  close(): Promise<void>;
}

/** Keeps nothing. */
export const noJournal: Journal = {
  append: () => undefined,
  whenStored: (callback) => callback(),
  close: () => Promise.resolve(),
};
