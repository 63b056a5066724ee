import { createHash } from 'node:crypto';
import type { RawSources } from '@gpu-bridge/abstractions';
import type { IrKernel } from './nodes.js';

/** Left out of the printed form: positions and spellings of locals, and what passes derive. */
const DERIVED = new Set(['at', 'check']);

/** The kernel as JSON, independent of formatting, comments and the names of locals. */
function printIr(kernel: IrKernel): string {
  const nameless = (fn: IrKernel['main']): unknown => ({ ...fn, locals: fn.locals.map((local) => local.type) });
  return JSON.stringify({ ...kernel, main: nameless(kernel.main), helpers: kernel.helpers.map(nameless) }, printValue);
}

function printValue(this: unknown, key: string, value: unknown): unknown {
  if (DERIVED.has(key)) return undefined;
  if (typeof value === 'bigint') return `${value}n`;
  // JSON has neither of these numbers.
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)))
    return `number:${Object.is(value, -0) ? '-0' : value}`;
  return value;
}

/** First 16 hex digits of the SHA-256 of the printed form and of the hand-written texts, where a kernel has them. */
export function hashIr(kernel: IrKernel, raw?: RawSources): string {
  const hash = createHash('sha256').update(printIr(kernel));
  if (raw !== undefined) hash.update(JSON.stringify([raw.cuda, raw.opencl, raw.wgsl]));
  return hash.digest('hex').slice(0, 16);
}
