import type { IrKernel } from '../ir/nodes.js';
export function canonicalise(kernel: IrKernel): IrKernel {
  return kernel;
}
