import { columnsOf } from './schema.js';
import type { ArgumentLayout, ArgumentSlot } from './descriptor.js';
import type { KernelParam, KernelParams } from './params.js';

/** Bytes before the first slot of an argument block. */
export const ARGUMENT_HEADER_BYTES = 16;
/** Bytes of one slot of an argument block. */
export const ARGUMENT_SLOT_BYTES = 16;
/** Groups' scratch regions start at multiples of this, so that two workers never share a cache line. */
export const SCRATCH_ALIGN_BYTES = 64;

/**
 * The argument block of a kernel with these parameters and, where not 0, that many bytes of workspace per executor.
 * Compilers and the runtime both build on this one answer.
 */
export function argumentLayout(params: KernelParams, workspaceBytes = 0): ArgumentLayout {
  const slots = Object.entries(params).flatMap(([name, param]) => slotsOf(name, param));
  if (workspaceBytes > 0) slots.push({ param: '', part: 'workspace', column: '', dtype: 'u32' });
  return { slots, sizeBytes: ARGUMENT_HEADER_BYTES + ARGUMENT_SLOT_BYTES * slots.length };
}

function slotsOf(param: string, declaration: KernelParam): ArgumentSlot[] {
  const { type } = declaration;
  if (declaration.role === 'uniform')
    return [{ param, part: 'uniform', column: 'value', dtype: declaration.type.dtype }];
  if (declaration.role === 'scratch')
    return [{ param, part: 'scratch', column: 'value', dtype: declaration.type.dtype }];
  const element = type.kind === 'ragged' ? type.element : type;
  const columns = columnsOf(element).map((c): ArgumentSlot => ({
    param,
    part: 'column',
    column: c.name,
    dtype: c.dtype,
  }));
  if (type.kind !== 'ragged') return columns;
  const part = declaration.role === 'input' ? 'offsets' : 'counts';
  return [{ param, part, column: 'value', dtype: 'u32' }, ...columns];
}
