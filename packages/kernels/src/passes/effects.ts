import { isWide } from '@gpu-bridge/abstractions';
import type { DType, KernelEffects, KernelRequirement } from '@gpu-bridge/abstractions';
import { argumentLayout } from '@gpu-bridge/abstractions';
import type { IrKernel } from '../ir/nodes.js';
import { walkStmts } from '../ir/walk.js';

/** What repeating an attempt may do; see {@link KernelEffects}. */
export function effectsOf(kernel: IrKernel): KernelEffects {
  const roles = new Set(Object.values(kernel.params).map((param) => param.role));
  if (roles.has('inout')) return 'mutates';
  return roles.has('atomic') ? 'accumulates' : 'pure';
}

/** What a target must have to run the kernel, from its parameters and everything it computes. */
export function requirementsOf(kernel: IrKernel): KernelRequirement[] {
  const types = new Set<DType>(argumentLayout(kernel.params).slots.map((slot) => slot.dtype));
  let wideAtomics = Object.values(kernel.params).some((param) => param.role === 'atomic' && isWide(param.type.dtype));
  for (const fn of [kernel.main, ...kernel.helpers]) {
    for (const local of fn.locals) types.add(local.type);
    walkStmts(fn.body, {
      expr: (e) => {
        if (e.type !== null) types.add(e.type);
        // Rounded by way of f64 on every target.
        if (e.op === 'cast' && e.type === 'f32' && isWide(e.value.type)) types.add('f64');
        if (e.op === 'atomic' && isWide(e.type)) wideAtomics = true;
      },
    });
  }
  const requires: KernelRequirement[] = [];
  if (types.has('f64')) requires.push('f64');
  if (types.has('i64') || types.has('u64')) requires.push('i64');
  if (wideAtomics) requires.push('i64-atomics');
  return requires;
}

/** Whether the body asks for its item's index in the batch; such jobs cannot be joined with others. */
export function readsItemIndex(kernel: IrKernel): boolean {
  let reads = false;
  walkStmts(kernel.main.body, {
    expr: (e) => {
      reads ||= e.op === 'item';
    },
  });
  return reads;
}
