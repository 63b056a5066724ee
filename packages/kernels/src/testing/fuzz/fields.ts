import type { Numeric } from './expressions.js';

/** Field of each type in the records of random programs. */
export const FIELD: Readonly<Record<Numeric, string>> = { i32: 'a', u32: 'b', i64: 'c', u64: 'd', f32: 'e', f64: 'f' };
