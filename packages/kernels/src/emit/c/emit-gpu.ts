import type { KernelArtifact } from '@gpu-bridge/abstractions';
import type { IrKernel } from '../../ir/nodes.js';
import { hashIr } from '../../ir/print.js';
import { requirementsOf } from '../../passes/effects.js';
import { CUDA, cudaFlags } from './cuda.js';
import { storageOf } from './dialect.js';
import type { Dialect } from './dialect.js';
import { Driver, withoutUnused } from './driver.js';
import { Effects } from './effects.js';
import { HelperTexts } from './functions.js';
import { plain } from './names.js';
import { OPENCL, openClFlags, openClHead } from './opencl.js';
import { preludeFor } from './prelude.js';

/** What the text of a kernel is made of; texts of several kernels can share one program. */
export interface KernelText {
  /** Stem of every name: `ledger_histogram_1a2b3c4d`. */
  readonly name: string;
  readonly kernel: IrKernel;
  /** Helpers, the body of one id, and the run of a range: `NAME_run`. */
  readonly functions: readonly string[];
}

/** Name that is unique for the content of a kernel. */
export function stemOf(kernel: IrKernel): string {
  return `${plain(kernel.name)}_${hashIr(kernel).slice(0, 8)}`;
}

export function emitOpenCl(kernel: IrKernel): KernelArtifact {
  const strict = kernel.fp === 'strict';
  const { name, lines } = gpuProgram(OPENCL, kernel);
  const needs = new Set(requirementsOf(kernel));
  const head = [
    ...openClHead({ f64: needs.has('f64'), wideAtomics: needs.has('i64-atomics') }),
    `#pragma OPENCL FP_CONTRACT ${strict ? 'OFF' : 'ON'}`,
  ];
  return { target: 'opencl', source: [...head, ...lines].join('\n'), entry: name, flags: openClFlags(strict) };
}

export function emitCuda(kernel: IrKernel): KernelArtifact {
  const { name, lines } = gpuProgram(CUDA, kernel);
  return { target: 'cuda', source: lines.join('\n'), entry: name, flags: cudaFlags(kernel.fp === 'strict') };
}

/** Texts of several kernels can stand in one program. */
function gpuProgram(dialect: Dialect, kernel: IrKernel): { readonly name: string; readonly lines: readonly string[] } {
  const text = gpuText(dialect, kernel);
  const lines = [...text.functions, ...entry(dialect, text)];
  return { name: text.name, lines: [...preludeFor(dialect, kernel.fp === 'strict', lines), ...lines, ''] };
}

/** Functions of a kernel whose ids run in parallel. */
export function gpuText(dialect: Dialect, kernel: IrKernel): KernelText {
  const name = stemOf(kernel);
  const effects = new Effects(kernel);
  const helpers = new HelperTexts(dialect, kernel, name, effects);
  const driver = new Driver(dialect, kernel);
  const body = driver.bodyFunction(`${name}_body`, effects, helpers.name);
  const params = runParams(dialect, kernel, driver).map(({ type, name: param }) => `${type} ${param}`);
  const run = [
    `${dialect.functionPrefix} void ${name}_run(${params.join(', ')}) {`,
    ...withoutUnused([...driver.enter('region'), ...loop(driver, `${name}_body`)]).map((line) => `  ${line}`),
    '}',
  ];
  const what = kernel.workgroup === null ? kernel.kind : `grid, workgroups of ${kernel.workgroup.join(' x ')}`;
  return { name, kernel, functions: [`// ${kernel.name} (${what})`, ...helpers.lines(), ...body, ...run] };
}

interface RunParam {
  readonly type: string;
  readonly name: string;
}

/**
 * `lane` of `lanes` runs every lanes-th id; its scratch is region `region`. With a workgroup `lane` is the linear local id,
 * and `team` of `teams` runs every teams-th group.
 */
export function runParams(dialect: Dialect, kernel: IrKernel, driver: Driver): RunParam[] {
  const { u32, u64 } = dialect.types;
  const numbers =
    kernel.workgroup === null
      ? ['first', 'count', 'lane', 'lanes', 'region']
      : ['first', 'count', 'lane', 'team', 'teams'];
  return [
    { type: `${dialect.spaces.global}${dialect.byte}*`, name: 'memory' },
    { type: u64, name: 'argumentBlock' },
    ...numbers.map((name) => ({ type: u32, name })),
    ...kernel.shared.map((array, i) => ({
      type: `${dialect.spaces.shared}${storageOf(dialect, array.dtype)}*`,
      name: driver.sharedName(i),
    })),
    { type: `${u64}*`, name: 'violations' },
  ];
}

function loop(driver: Driver, body: string): string[] {
  const { dialect, kernel } = driver;
  const { u32, u64 } = dialect.types;
  const call = driver.bodyCall(body);
  const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);
  if (kernel.workgroup === null) {
    const { before, after } = driver.aroundItem();
    const inner =
      kernel.kind === 'map'
        ? [`const ${u32} item = first + (${u32})i;`, ...before, call, ...after]
        : [`const ${u32} id = first + (${u32})i;`, ...driver.linearIds(), call];
    return [`for (${u64} i = lane; i < count; i += lanes) {`, ...indented(inner), '}'];
  }
  const [x, y, z] = driver.workgroup();
  const clear = kernel.shared.map(
    ({ length }, i) => `for (${u32} i = lane; i < ${length}u; i += ${x * y * z}u) ${driver.sharedName(i)}[i] = 0;`,
  );
  const inner = [
    `const ${u32} groupIndex = first + (${u32})g;`,
    ...driver.groupIds(),
    ...driver.laneIds(),
    ...driver.globalIds(),
    // The last group has read its shared arrays before they are cleared.
    ...(clear.length === 0 ? [] : [dialect.barrier, ...clear, dialect.barrier]),
    kernel.fullGroups ? call : `if (inRange) ${call}`,
  ];
  return [...driver.groupCounts(), `for (${u64} g = team; g < count; g += teams) {`, ...indented(inner), '}'];
}

/** The function the host launches. */
function entry(dialect: Dialect, { name, kernel }: KernelText): string[] {
  const driver = new Driver(dialect, kernel);
  const { u32, u64 } = dialect.types;
  const isOpenCl = dialect.target === 'opencl';
  const lane = (global: boolean): readonly string[] =>
    isOpenCl
      ? global
        ? ['(uint)get_global_id(0)', '(uint)get_global_size(0)', '(uint)get_global_id(0)']
        : ['(uint)get_local_id(0)', '(uint)get_group_id(0)', '(uint)get_num_groups(0)']
      : global
        ? ['blockIdx.x * blockDim.x + threadIdx.x', 'gridDim.x * blockDim.x', 'blockIdx.x * blockDim.x + threadIdx.x']
        : ['threadIdx.x', 'blockIdx.x', 'gridDim.x'];
  const { workgroup } = kernel;
  const size = workgroup === null ? 0 : workgroup[0] * workgroup[1] * workgroup[2];
  const shared = kernel.shared.map(
    (array, i) =>
      `${isOpenCl ? '__local' : '__shared__'} ${storageOf(dialect, array.dtype)} ${driver.sharedName(i)}[${array.length}];`,
  );
  const args = [
    'memory',
    'argumentBlock',
    'first',
    'count',
    ...lane(workgroup === null),
    ...kernel.shared.map((_, i) => driver.sharedName(i)),
    '&violations',
  ];
  const global = dialect.spaces.global;
  const params = [
    `${global}${dialect.byte}* memory`,
    `${u64} argumentBlock`,
    `${u32} first`,
    `${u32} count`,
    `${global}${u32}* total`,
  ].join(', ');
  const head = isOpenCl
    ? `__kernel ${size === 0 ? '' : `__attribute__((reqd_work_group_size(${size}, 1, 1))) `}void ${name}(${params}) {`
    : `extern "C" __global__ ${size === 0 ? '' : `__launch_bounds__(${size}) `}void ${name}(${params}) {`;
  return [
    head,
    ...[
      ...shared,
      `${u64} violations = 0;`,
      `${name}_run(${args.join(', ')});`,
      'if (violations != 0) gb_report(total, violations);',
    ].map((line) => `  ${line}`),
    '}',
  ];
}
