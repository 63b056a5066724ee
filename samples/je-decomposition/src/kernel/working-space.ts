import { f32, i64, scratch, u32 } from '@gpu-bridge/kernels';
import { MAX_SEARCH_POOL } from '../rules/method.js';

/** Places for the lines of a sub-entry and its suspense line. */
const PER_UNIT = { max: [1, 1] } as const;
const PER_SEARCHED = { max: [0, MAX_SEARCH_POOL] } as const;

/** Scratch of the kernel: what a sub-entry of L lines needs is 80 (L + 1) + 4,488 bytes, plus rounding. */
export const WORKING_SPACE = {
  line: scratch(u32, PER_UNIT),
  amount: scratch(i64, PER_UNIT),
  byAmount: scratch(u32, PER_UNIT),
  cell: scratch(u32, PER_UNIT),
  group: scratch(u32, PER_UNIT),
  groupAmount: scratch(i64, PER_UNIT),
  groupByAmount: scratch(u32, PER_UNIT),
  groupCell: scratch(u32, PER_UNIT),
  target: scratch(u32, PER_UNIT),
  spare: scratch(u32, PER_UNIT),
  sortKey: scratch(i64, PER_UNIT),
  flowFrom: scratch(u32, PER_UNIT),
  flowTo: scratch(u32, PER_UNIT),
  flowAmount: scratch(i64, PER_UNIT),
  flowOrder: scratch(u32, PER_UNIT),
  sureness: scratch(f32, PER_UNIT),
  pool: scratch(u32, PER_SEARCHED),
  poolByAmount: scratch(u32, PER_SEARCHED),
  poolAmount: scratch(i64, PER_SEARCHED),
  freeAt: scratch(i64, PER_SEARCHED),
  takenAt: scratch(i64, PER_SEARCHED),
  available: scratch(u32, PER_SEARCHED),
  availableIndex: scratch(u32, PER_SEARCHED),
  availableAmount: scratch(i64, PER_SEARCHED),
  nextEqual: scratch(i64, PER_SEARCHED),
  pick: scratch(u32, PER_SEARCHED),
  top: scratch(i64, { max: [0, MAX_SEARCH_POOL + 1] }),
  mayHold: scratch(i64, { max: [0, 16] }),
};
