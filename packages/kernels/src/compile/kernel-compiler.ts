import { argumentLayout } from '@gpu-bridge/abstractions';
import type { CompiledKernel, KernelCompiler, KernelDefinition, KernelDescriptor } from '@gpu-bridge/abstractions';
import { checkKernel } from '../check/check-kernel.js';
import { emitJs } from '../emit/js/emit-js.js';
import { emitWasm } from '../emit/wasm/emit-wasm.js';
import { hashIr } from '../ir/print.js';
import type { IrKernel } from '../ir/nodes.js';
import { canonicalise } from '../passes/canonical.js';
import { effectsOf, readsItemIndex, requirementsOf } from '../passes/effects.js';
import { toCpuForm } from '../passes/cpu-form/to-cpu-form.js';
import { elideBoundsChecks } from '../passes/ranges.js';

/** Compiles definitions to WebAssembly and to reference JavaScript. Holds no state. */
export function createKernelCompiler(): KernelCompiler {
  return { compile };
}

/** The intermediate form of a definition, checked, in canonical form, with the checks it needs. */
export function buildIr(definition: KernelDefinition): IrKernel {
  const kernel = canonicalise(checkKernel(definition));
  elideBoundsChecks(kernel);
  return kernel;
}

function compile(definition: KernelDefinition): CompiledKernel {
  const kernel = buildIr(definition);
  const { name, kind, params, fp, bounds, version } = kernel;
  const form = toCpuForm(kernel);
  const descriptor: KernelDescriptor = {
    id: `${name}@${hashIr(kernel)}`,
    name,
    kind,
    params,
    layout: argumentLayout(params, form.workspace.bytes),
    effects: effectsOf(kernel),
    requires: requirementsOf(kernel),
    workgroup: kernel.workgroup,
    workspaceBytes: form.workspace.bytes,
    readsItemIndex: readsItemIndex(kernel),
    fp,
    bounds,
    irVersion: version,
  };
  return {
    descriptor,
    artifacts: [
      { target: 'wasm', bytes: emitWasm(form) },
      { target: 'js', source: emitJs(form) },
    ],
    refused: [],
  };
}
