/** Kernels no compiler makes: what they do is their only purpose, so they are written by hand for each target. */
import type { KernelArtifact, KernelTarget } from '@gpu-bridge/abstractions';
import { Unsupported } from '../driver/unsupported.js';

/**
 * `spin` never returns, `fault` traps as soon as it runs, `garbage` is refused when it is provided, `unlinkable` is a
 * module that cannot be instantiated. They take no arguments and run where the block has at least one item.
 */
export type RawKernel = 'spin' | 'fault' | 'garbage' | 'unlinkable';

const JS: Record<RawKernel, string> = {
  spin: '(memory) => () => { for (;;); }',
  fault: "(memory) => () => { throw new Error('fault'); }",
  garbage: '(memory => {{',
  unlinkable: "(memory) => { throw new Error('unlinkable'); }",
};

const WASM: Record<RawKernel, Uint8Array<ArrayBuffer>> = {
  spin: wasmModule([0x03, 0x40, 0x0c, 0x00, 0x0b, 0x00], 'memory'), // loop br 0 end unreachable
  fault: wasmModule([0x00], 'memory'), // unreachable
  garbage: Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0xff, 0xff),
  unlinkable: wasmModule([0x00], 'nothing'), // imports what no device has
};

const CPP: Record<RawKernel, string> = {
  spin: cppFunction('raw', 'for (volatile int turns = 0;;) turns = turns + 1;'),
  fault: cppFunction('raw', '__builtin_trap();'),
  garbage: 'no C++',
  unlinkable: cppFunction('other', 'return 0;'),
};

const OPENCL: Record<RawKernel, string> = {
  // A device may run a kernel over nothing to have its code made.
  spin: openClKernel('raw', 'if (count != 0) while (*(volatile __global uint*)violations == 0) {}'),
  // Where no memory is. The language has no instruction that traps.
  fault: openClKernel('raw', 'if (count != 0) *(volatile __global uint*)(argumentBlock - argumentBlock + 64) = first;'),
  garbage: 'no OpenCL C',
  unlinkable: openClKernel('other', ''),
};

/**
 * The kernel for the first of the targets that has one.
 *
 * @throws Unsupported where none has.
 */
export function rawArtifact(kernel: RawKernel, targets: readonly KernelTarget[]): KernelArtifact {
  for (const target of targets) {
    if (target === 'js') return { target, source: JS[kernel] };
    if (target === 'wasm') return { target, bytes: WASM[kernel] };
    if (target === 'cpp') return { target, source: CPP[kernel], entry: 'raw', flags: ['-std=c++20', '-O1'] };
    if (target === 'opencl') return { target, source: OPENCL[kernel], entry: 'raw', flags: [] };
  }
  throw new Unsupported(`no hand-written kernel for ${targets.join(', ')}`);
}

function cppFunction(name: string, body: string): string {
  return `#include <cstdint>
extern "C" int32_t ${name}(uint8_t*, uint64_t, uint32_t, uint32_t, uint32_t) { ${body} }
`;
}

function openClKernel(name: string, body: string): string {
  return `__kernel void ${name}(__global uchar* memory, ulong argumentBlock, uint first, uint count, uint group,
                   __global uint* violations) { ${body} }
`;
}

/** A module with a `run` of this body, over the shared memory imported as `env.<memoryName>`. */
function wasmModule(body: readonly number[], memoryName: string): Uint8Array<ArrayBuffer> {
  const I32 = 0x7f;
  const text = (s: string): number[] => [s.length, ...Buffer.from(s)];
  const section = (id: number, content: readonly number[]): number[] => [id, content.length, ...content];
  const code = [0x00, ...body, 0x0b]; // no locals
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [1, 0x60, 4, I32, I32, I32, I32, 1, I32]), // type 0: (i32 i32 i32 i32) -> i32
    // import a shared memory of 0 … 65536 pages
    ...section(2, [1, ...text('env'), ...text(memoryName), 0x02, 0x03, 0x00, 0x80, 0x80, 0x04]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...text('run'), 0x00, 0]),
    ...section(10, [1, code.length, ...code]),
  ]);
}
