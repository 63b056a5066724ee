import type { IrKernel } from '../ir/nodes.js';
import { walkStmts } from '../ir/walk.js';
export function elideBoundsChecks(kernel: IrKernel): void {
  if (kernel.bounds === 'checked') return;
  for (const fn of [kernel.main, ...kernel.helpers]) {
    walkStmts(fn.body, {
      expr: (e) => {
        if (e.op === 'load' || e.op === 'atomic') e.check = false;
      },
      stmt: (s) => {
        if (s.op === 'store') s.check = false;
      },
    });
  }
}
