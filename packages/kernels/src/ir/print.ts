import { createHash } from 'node:crypto';
import type { RawSources } from '@gpu-bridge/abstractions';
import type { IrFunction, IrKernel } from './nodes.js';

/** Left out of the printed form: positions and spellings of locals, and what passes derive. */
const DERIVED = new Set(['at', 'check']);

/** The kernel as JSON, independent of formatting, comments and the names of locals. */
function printIr(kernel: IrKernel): string {
  const nameless = (fn: IrKernel['main']): unknown => ({ ...fn, locals: fn.locals.map((local) => local.type) });
  return JSON.stringify({ ...kernel, main: nameless(kernel.main), helpers: kernel.helpers.map(nameless) }, printValue);
}

function printValue(this: unknown, key: string, value: unknown): unknown {
  return DERIVED.has(key) ? undefined : withoutExotics(value);
}

function withoutExotics(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  // JSON has neither of these numbers.
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)))
    return `number:${Object.is(value, -0) ? '-0' : value}`;
  return value;
}

/** Functions as JSON, without positions: {@link readFunctions} gives them back. */
export function printFunctions(functions: readonly IrFunction[]): string {
  return JSON.stringify(functions, (key, value: unknown) => (key === 'at' ? 0 : withoutExotics(value)));
}

export function readFunctions(text: string): readonly IrFunction[] {
  return JSON.parse(text, (key, value: unknown) => {
    if (key !== 'value' || typeof value !== 'string') return value;
    return value.endsWith('n') ? BigInt(value.slice(0, -1)) : Number(value.slice('number:'.length));
  }) as IrFunction[];
}

/** First 16 hex digits of the SHA-256 of the printed form and of the hand-written texts, where a kernel has them. */
export function hashIr(kernel: IrKernel, raw?: RawSources): string {
  const hash = createHash('sha256').update(printIr(kernel));
  if (raw !== undefined) hash.update(JSON.stringify([raw.cuda, raw.opencl, raw.wgsl]));
  return hash.digest('hex').slice(0, 16);
}
