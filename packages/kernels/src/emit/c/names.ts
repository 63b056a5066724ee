import type { ArgumentSlot, KernelId } from '@gpu-bridge/abstractions';
import type { IrFunction } from '../../ir/nodes.js';

/*
 * Every name that comes from a program ends in its number (`sum_3`, `lines_amount_s2`), which makes it unique and keeps it
 * away from the reserved words and library functions of all dialects.
 */

/** Letters, digits and single underscores of a name. */
export function plain(name: string): string {
  const text = name.replace(/\W+/g, '_').replace(/_+/g, '_').replace(/^_|_$/g, '');
  return /^[A-Za-z]/.test(text) ? text : `v${text}`;
}

/** Stem of every name of a kernel, unique for its content: `ledger_histogram_1a2b3c4d`. */
export function stemOf(id: KernelId): string {
  const [name = '', hash = ''] = id.split('@');
  return `${plain(name)}_${hash.slice(0, 8)}`;
}

export function localName(fn: IrFunction, local: number): string {
  return `${plain(fn.locals[local]?.name ?? 'local')}_${local}`;
}

/** What a slot points at, or the value of a uniform. */
export function slotName(slots: readonly ArgumentSlot[], slot: number): string {
  const { param, part, column } = slotAt(slots, slot);
  const isColumn = part === 'column' && column !== 'value';
  const detail = isColumn ? `_${column}` : part === 'offsets' || part === 'counts' ? `_${part}` : '';
  return `${plain(`${param}${detail}`)}_s${slot}`;
}

/** A number that belongs to a slot: the length of an array, the start of a list and so on. */
export function slotDetail(slots: readonly ArgumentSlot[], slot: number, detail: string): string {
  return `${plain(`${slotAt(slots, slot).param}_${detail}`)}_s${slot}`;
}

function slotAt(slots: readonly ArgumentSlot[], slot: number): ArgumentSlot {
  const found = slots[slot];
  if (found === undefined) throw new Error(`no slot ${slot}`);
  return found;
}
