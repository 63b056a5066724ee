import type { Benchmark } from '../report.js';
import { measureRows } from './rows.js';
import { measureStream } from './end-to-end.js';

const SECONDS = 60;

/** Rows out of column batches, and a stream grain from push to subscriber, fast and with a subscriber that is far too slow. */
export const stream: Benchmark = {
  name: 'stream',
  describe: 'rows through flatten, map and filter; a stream grain end to end, then with a subscriber 10x too slow',
  run: async (note, _device, seconds = SECONDS) => [...(await measureRows()), ...(await measureStream(note, seconds))],
};
