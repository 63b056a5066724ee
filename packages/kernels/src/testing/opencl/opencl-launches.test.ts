import { describe, expect, it } from 'vitest';
import { entryArguments, hasOpenCl, launchKernels } from './opencl-launches.js';

const source = `
__kernel void bump(__global uchar* memory, ulong block, uint first, uint count, uint group, __global uint* violations) {
  for (uint i = get_global_id(0); i < count; i += get_global_size(0)) memory[block + first + i] += group;
  if (get_local_id(0) == 0) atomic_add(violations, (uint)get_local_size(0));
}`;

describe.skipIf(!hasOpenCl())('OpenCL launches', () => {
  it('run kernels over memories in place and answer what each counted', () => {
    const [a, b] = [new Uint8Array(5000), new Uint8Array(16)];
    const launch = { entry: 'bump' };
    const answers = launchKernels(
      [source],
      ['-cl-std=CL1.2'],
      [
        { ...launch, memory: a, args: entryArguments(4, 1, 2, 7), globalSize: 8, localSize: 4 },
        { ...launch, memory: b, args: entryArguments(4, 1, 5, 7), globalSize: 3, localSize: 3 },
      ],
    );
    expect(answers).toEqual([8, 3]);
    expect([...a.subarray(0, 9)]).toEqual([0, 0, 0, 0, 0, 7, 7, 0, 0]);
    expect([...b]).toEqual([0, 0, 0, 0, 0, 7, 7, 7, 7, 7, 0, 0, 0, 0, 0, 0]);
  });

  it('report what the device says about a text that does not compile', () => {
    expect(() => launchKernels(['__kernel void f() { int x = y; }'], [], [])).toThrow(/undeclared identifier 'y'/);
  });
});
