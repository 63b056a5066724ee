import type { KernelArtifact, KernelId } from '@gpu-bridge/abstractions';
import type { IrKernel } from '../../ir/nodes.js';
import { requirementsOf } from '../../passes/effects.js';
import { CUDA, cudaFlags } from './cuda.js';
import { deviceOf, storageOf } from './dialect.js';
import type { Dialect } from './dialect.js';
import { Driver, withoutUnused } from './driver.js';
import type { Declared } from './driver.js';
import { Effects } from './effects.js';
import { HelperTexts } from './functions.js';
import { stemOf } from './names.js';
import { OPENCL, openClFlags, openClHead } from './opencl.js';
import { preludeFor } from './prelude.js';
import { rawBody } from './raw.js';
import type { BodyText } from './raw.js';

/** A kernel for a device, as its author wrote it or by hand, and what it is found by. */
export interface DeviceSource {
  readonly id: KernelId;
  readonly kernel: IrKernel;
  /** Statements of the body in the language of the device, instead of that of the kernel. */
  readonly raw?: string;
}

export function emitOpenCl(source: DeviceSource): KernelArtifact {
  const strict = source.kernel.fp === 'strict';
  const needs = new Set(requirementsOf(source.kernel));
  const head = [
    ...openClHead({ f64: needs.has('f64'), wideAtomics: needs.has('i64-atomics') }),
    `#pragma OPENCL FP_CONTRACT ${strict ? 'OFF' : 'ON'}`,
  ];
  const text = [...head, ...program(OPENCL, source)].join('\n');
  return { target: 'opencl', source: text, entry: stemOf(source.id), flags: openClFlags(strict) };
}

export function emitCuda(source: DeviceSource): KernelArtifact {
  const flags = cudaFlags(source.kernel.fp === 'strict');
  return { target: 'cuda', source: program(CUDA, source).join('\n'), entry: stemOf(source.id), flags };
}

/** Programs of several kernels can be compiled as one. */
function program(dialect: Dialect, source: DeviceSource): string[] {
  const lines = [...deviceFunctions(dialect, source), ...entry(dialect, source)];
  return [...preludeFor(dialect, source.kernel.fp === 'strict', lines), ...lines, ''];
}

/** Helpers, the body of one id, and `STEM_run`, which runs one lane's share of a range. */
export function deviceFunctions(dialect: Dialect, source: DeviceSource): string[] {
  const { kernel, raw } = source;
  const stem = stemOf(source.id);
  const driver = new Driver(dialect, kernel);
  const { functions, call, enter } =
    raw === undefined ? printedBody(driver, stem) : rawBody(driver, `${stem}_body`, raw);
  const params = runParams(driver).map(({ type, name }) => `${type} ${name}`);
  const run = [
    `${dialect.functionPrefix} void ${stem}_run(${params.join(', ')}) {`,
    ...withoutUnused([...driver.enter('region'), ...enter, ...loop(driver, call)]).map((line) => `  ${line}`),
    '}',
  ];
  const what = kernel.workgroup === null ? kernel.kind : `grid, workgroups of ${kernel.workgroup.join(' x ')}`;
  return [`// ${kernel.name} (${what})`, ...functions, ...run];
}

function printedBody(driver: Driver, stem: string): BodyText {
  const effects = new Effects(driver.kernel);
  const helpers = new HelperTexts(driver.dialect, driver.kernel, stem, effects);
  const body = driver.bodyFunction(`${stem}_body`, effects, helpers.name);
  return { functions: [...helpers.lines(), ...body], call: driver.bodyCall(`${stem}_body`), enter: [] };
}

/**
 * `lane` of `lanes` runs every lanes-th id; its scratch is region `region`. With a workgroup `lane` is the linear local id,
 * and `team` of `teams` runs every teams-th group.
 */
function runParams(driver: Driver): Declared[] {
  const { dialect, kernel } = driver;
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

function loop(driver: Driver, call: string): string[] {
  const { dialect, kernel } = driver;
  const { barrier } = deviceOf(dialect);
  const { u32, u64 } = dialect.types;
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
    ...(clear.length === 0 ? [] : [barrier, ...clear, barrier]),
    kernel.fullGroups ? call : `if (inRange) ${call}`,
  ];
  return [...driver.groupCounts(), `for (${u64} g = team; g < count; g += teams) {`, ...indented(inner), '}'];
}

/** The function the host launches. */
function entry(dialect: Dialect, { id, kernel }: DeviceSource): string[] {
  const name = stemOf(id);
  const driver = new Driver(dialect, kernel);
  const { u32, u64 } = dialect.types;
  const { global } = dialect.spaces;
  const { workgroup } = kernel;
  const { ids, entryPrefix, sharedPrefix } = deviceOf(dialect);
  const lane =
    workgroup === null
      ? [ids.globalId, ids.globalSize, `group * (${ids.globalSize}) + ${ids.globalId}`]
      : [ids.localId, ids.groupId, ids.groupCount];
  const shared = kernel.shared.map((_, i) => driver.sharedName(i));
  const args = ['memory', 'argumentBlock', 'first', 'count', ...lane, ...shared, '&violations'];
  const params = [
    `${global}${dialect.byte}* memory`,
    `${u64} argumentBlock`,
    `${u32} first`,
    `${u32} count`,
    `${u32} group`,
    `${global}${u32}* total`,
  ];
  return [
    `${entryPrefix(workgroup && workgroup[0] * workgroup[1] * workgroup[2])} ${name}(${params.join(', ')}) {`,
    ...kernel.shared.map(
      ({ dtype, length }, i) => `  ${sharedPrefix} ${storageOf(dialect, dtype)} ${driver.sharedName(i)}[${length}];`,
    ),
    `  ${u64} violations = 0;`,
    `  ${name}_run(${args.join(', ')});`,
    '  if (violations != 0) gb_report(total, violations);',
    '}',
  ];
}
