import { createHash } from 'node:crypto';
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

/** First 16 hex digits of the SHA-256 of the printed form. */
export function hashIr(kernel: IrKernel): string {
  return createHash('sha256').update(printIr(kernel)).digest('hex').slice(0, 16);
}
