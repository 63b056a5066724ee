import type { LogSettings } from '../writer/log-writer.js';
import type { RingMemory } from './record-ring.js';

/** What the log's thread is started with. */
export interface WorkerStart {
  readonly ring: RingMemory;
  readonly settings: LogSettings;
}

/** What it says: `open` once; `synced` whenever more is on disk; `closed` or `failed` at the end. */
export type WorkerReport =
  { readonly kind: 'open' | 'synced' | 'closed' } | { readonly kind: 'failed'; readonly reason: string };
