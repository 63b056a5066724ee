import type { IrKernel } from '../../ir/nodes.js';
export function emitJs(_kernel: IrKernel): string {
  return '() => () => 0';
}
