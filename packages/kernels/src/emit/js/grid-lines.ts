import type { CpuForm } from '../../ir/cpu-form.js';
import type { KernelPlan } from '../plan.js';
import { stmtLines } from './expressions.js';
import type { JsNames } from './expressions.js';
import { commonNames, declareLocals, gridEntryLines, missing, slotName, slotOf } from './names.js';

/** The body of `run` for a grid kernel whose ids are independent: ids one after the other, x fastest. */
export function gridLines({ kernel }: CpuForm, plan: KernelPlan): string[] {
  const name = (slot: number): string => slotName(plan.slots, slot);
  const names: JsNames = {
    ...commonNames(kernel, plan),
    start: (array) => name(slotOf(array)),
    length: (length) => (length.kind === 'column' ? `${name(length.slot)}_length` : missing()),
    items: ({ body }) => [
      '    for (let id = first; id < first + count; id++) {',
      '      const global_x = id % globalSize_x;',
      '      const global_y = Math.floor(id / globalSize_x) % globalSize_y;',
      '      const global_z = Math.floor(id / globalSize_x / globalSize_y);',
      '      body: {',
      ...declareLocals(names.local, [...kernel.main.locals.keys()], '        '),
      ...stmtLines(names, body, '        '),
      '      }',
      '    }',
    ],
  };
  return [...gridEntryLines(plan), ...stmtLines(names, kernel.main.body, '    ')];
}
