/** Kernels no compiler makes: what they do is their only purpose, so they are written by hand for each target. */
import type { KernelArtifact, KernelTarget } from '@gpu-bridge/abstractions';

/**
 * `spin` never returns, `fault` traps as soon as it runs, `garbage` is refused when it is provided, `unlinkable` is a
 * module that cannot be instantiated.
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

/** The kernel for the first of the targets that has one. */
export function rawArtifact(kernel: RawKernel, targets: readonly KernelTarget[]): KernelArtifact | undefined {
  for (const target of targets) {
    if (target === 'js') return { target, source: JS[kernel] };
    if (target === 'wasm') return { target, bytes: WASM[kernel] };
  }
  return undefined;
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
