import type { CompiledKernel, KernelDefinition } from '@gpu-bridge/abstractions';
import { buildIr } from '../compile/kernel-compiler.js';
import { emitWasm } from '../emit/wasm/emit-wasm.js';
import { simdFormOf } from '../emit/wasm/simd/simd-form.js';
import { toCpuForm } from '../passes/cpu-form/to-cpu-form.js';

/** The kernel with its WebAssembly as SIMD, whatever the cost rule says: with one v128 for a value, and with two. */
export function simdForms(definition: KernelDefinition, compiled: CompiledKernel): readonly CompiledKernel[] {
  const cpu = toCpuForm(buildIr(definition));
  const form = simdFormOf(cpu);
  if ('refused' in form) throw new Error(`${definition.name} has no SIMD form: ${form.refused}`);
  return [1, 2].map((parts) => {
    const vectors = new Map([...form.vectors].map(([items, { body }]) => [items, { body, parts }]));
    return { ...compiled, artifacts: [{ target: 'wasm', bytes: emitWasm(cpu, vectors) }] };
  });
}
