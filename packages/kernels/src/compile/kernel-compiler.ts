import { argumentLayout } from '@gpu-bridge/abstractions';
import type {
  CompileOptions,
  CompiledKernel,
  KernelArtifact,
  KernelDefinition,
  KernelDescriptor,
  KernelId,
  KernelTarget,
  RawSources,
} from '@gpu-bridge/abstractions';
import { checkKernel } from '../check/check-kernel.js';
import { emitCpp } from '../emit/c/emit-cpp.js';
import type { CppForm } from '../emit/c/emit-cpp.js';
import { emitCuda, emitOpenCl } from '../emit/c/emit-gpu.js';
import { spmdFormOf } from '../emit/c/spmd/spmd-form.js';
import { emitJs } from '../emit/js/emit-js.js';
import { emitWasm } from '../emit/wasm/emit-wasm.js';
import { simdFormOf } from '../emit/wasm/simd/simd-form.js';
import type { CpuForm } from '../ir/cpu-form.js';
import { hashIr } from '../ir/print.js';
import type { IrKernel, MathFunction } from '../ir/nodes.js';
import { canonicalise } from '../passes/canonical.js';
import { toCpuForm } from '../passes/cpu-form/to-cpu-form.js';
import { effectsOf, readsItemIndex, requirementsOf } from '../passes/effects.js';
import { lowerMath } from '../passes/lower-math.js';
import { elideBoundsChecks } from '../passes/ranges.js';
import { DEFAULT_TARGETS } from './packed-kernel.js';

/** The intermediate form of a definition, checked, in canonical form, with the checks it needs. */
export function buildIr(definition: KernelDefinition): IrKernel {
  const kernel = canonicalise(checkKernel(definition));
  elideBoundsChecks(kernel);
  return kernel;
}

/** What emitters print: the kernel as it is for devices, and its form for CPUs. */
interface Sources {
  readonly id: KernelId;
  readonly kernel: IrKernel;
  readonly cpu: CpuForm;
  readonly simd: NonNullable<CompileOptions['simd']>;
}
type Refusal = CompiledKernel['refused'][number];

/** Functions that C compilers have exactly. */
const NATIVE: ReadonlySet<MathFunction> = new Set(['fma']);

const EMITTERS: Readonly<Record<KernelTarget, (sources: Sources) => KernelArtifact | Refusal>> = {
  wasm: wasmOf,
  js: ({ cpu }) => ({ target: 'js', source: emitJs(cpu) }),
  cpp: cppOf,
  opencl: ({ kernel, id }) => emitOpenCl({ id, kernel: forDevice(kernel) }),
  cuda: ({ kernel, id }) => emitCuda({ id, kernel: forDevice(kernel) }),
};

/** Devices have math functions of their own, but not the bits that strict kernels ask for. */
export function forDevice(kernel: IrKernel): IrKernel {
  return kernel.fp === 'strict' ? lowerMath(kernel, NATIVE) : kernel;
}

/** Compiles a definition from its bodies. */
export function compileKernel(definition: KernelDefinition, options: CompileOptions): CompiledKernel {
  const kernel = buildIr(definition);
  const targets = options.targets ?? DEFAULT_TARGETS;
  if (definition.raw !== undefined) return compileRaw(kernel, definition.raw, targets);
  const cpu = toCpuForm(kernel);
  const descriptor = describe(kernel, hashIr(kernel), cpu.workspace.bytes);
  const sources: Sources = { id: descriptor.id, kernel, cpu, simd: options.simd ?? 'auto' };
  return { descriptor, ...sorted(targets.map((target) => EMITTERS[target](sources))) };
}

/** A kernel written by hand: for the devices it has a text for. */
function compileRaw(kernel: IrKernel, raw: RawSources, targets: readonly KernelTarget[]): CompiledKernel {
  const descriptor = describe(kernel, hashIr(kernel, raw), 0);
  const { id } = descriptor;
  const reason = `a raw kernel with texts for ${Object.keys(raw).join(', ')} only`;
  const made = targets.map((target): KernelArtifact | Refusal => {
    if (target === 'opencl' && raw.opencl !== undefined) return emitOpenCl({ id, kernel, raw: raw.opencl });
    if (target === 'cuda' && raw.cuda !== undefined) return emitCuda({ id, kernel, raw: raw.cuda });
    return { target, reason };
  });
  return { descriptor, ...sorted(made) };
}

function sorted(made: readonly (KernelArtifact | Refusal)[]): Pick<CompiledKernel, 'artifacts' | 'refused'> {
  const artifacts: KernelArtifact[] = [];
  const refused: Refusal[] = [];
  for (const one of made) {
    if ('reason' in one) refused.push(one);
    else artifacts.push(one);
  }
  return { artifacts, refused };
}

function describe(kernel: IrKernel, hash: string, workspaceBytes: number): KernelDescriptor {
  const { name, kind, params, fp, bounds, version } = kernel;
  return {
    id: `${name}@${hash}`,
    name,
    kind,
    params,
    layout: argumentLayout(params, workspaceBytes),
    effects: effectsOf(kernel),
    // What the library needs that a strict kernel is linked with counts too.
    requires: requirementsOf(forDevice(kernel)),
    workgroup: kernel.workgroup,
    workspaceBytes,
    readsItemIndex: readsItemIndex(kernel),
    fp,
    bounds,
    irVersion: version,
  };
}

function wasmOf({ cpu, simd }: Sources): KernelArtifact | Refusal {
  const target = 'wasm';
  if (simd === 'never') return { target, bytes: emitWasm(cpu) };
  const form = simdFormOf(cpu);
  if ('refused' in form && simd === 'always') return { target, reason: `no SIMD form: ${form.refused}` };
  const isTaken = 'vectors' in form && (form.isWorthwhile || simd === 'always');
  return { target, bytes: isTaken ? emitWasm(cpu, form.vectors) : emitWasm(cpu) };
}

function cppOf({ id, kernel, cpu, simd }: Sources): KernelArtifact | Refusal {
  const form = cppFormOf(kernel, cpu, simd);
  return 'reason' in form ? { target: 'cpp', ...form } : emitCpp(form, id);
}

/** What C++ is printed from: several ids side by side where that is asked for or promises to be faster. */
function cppFormOf(kernel: IrKernel, cpu: CpuForm, simd: Sources['simd']): CppForm | { readonly reason: string } {
  if (simd !== 'never') {
    const form = spmdFormOf(cpu);
    if ('vectors' in form && (form.isWorthwhile || simd === 'always')) return { form: cpu, vectors: form.vectors };
    if ('refused' in form && simd === 'always') return { reason: `no SIMD form: ${form.refused}` };
  }
  // All CPU targets share one workspace, so the form with native functions must fit into that of the others.
  const native = toCpuForm(kernel, NATIVE);
  return { form: native.workspace.bytes <= cpu.workspace.bytes ? native : cpu, vectors: new Map() };
}
