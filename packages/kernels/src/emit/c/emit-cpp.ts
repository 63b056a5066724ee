import { SCRATCH_ALIGN_BYTES } from '@gpu-bridge/abstractions';
import type { KernelArtifact, KernelId } from '@gpu-bridge/abstractions';
import type { CpuForm } from '../../ir/cpu-form.js';
import type { IrKernel, Items } from '../../ir/nodes.js';
import type { VectorBody } from '../../passes/vectorize/vector-form.js';
import { BodyPrinter } from './body.js';
import type { Surroundings } from './body.js';
import { CPP, CPP_FLAGS, CPP_HEAD } from './cpp.js';
import { Driver, slotWord, withoutUnused } from './driver.js';
import { Effects } from './effects.js';
import { HelperTexts } from './functions.js';
import { groupFunction, keptName } from './group-function.js';
import type { GroupFunction } from './group-function.js';
import { slotDetail, slotName, stemOf } from './names.js';
import { literal } from './operators.js';
import { MOST_VIOLATIONS, preludeFor } from './prelude.js';
import { lanePrelude } from './spmd/lane-prelude.js';
import { VectorPrinter, WIDTH } from './spmd/vector-printer.js';
import type { Vectors } from './spmd/vector-printer.js';

/** What a kernel is printed from. */
export interface CppForm {
  readonly form: CpuForm;
  /** Forms of its `items` statements that take several ids at once; none where it has no such form. */
  readonly vectors: Vectors;
}

const ENTRY_PARAMS = 'uint8_t* memory, uint64_t argumentBlock, uint32_t first, uint32_t count, uint32_t group';
const ENTRY_ARGS = 'memory, argumentBlock, first, count, group';

/** The kernel as C++ for one executor; texts of several kernels can be compiled as one. */
export function emitCpp({ form, vectors }: CppForm, id: KernelId): KernelArtifact {
  const name = stemOf(id);
  const functions = cppFunctions({ form, vectors }, name);
  const source = [
    ...CPP_HEAD,
    ...preludeFor(CPP, true, functions, vectors.size > 0 ? lanePrelude(WIDTH) : undefined),
    ...functions,
    `extern "C" int32_t ${name}(${ENTRY_PARAMS}) {`,
    '  uint64_t violations = 0;',
    `  ${name}_run(${ENTRY_ARGS}, &violations);`,
    `  return violations < ${MOST_VIOLATIONS} ? (int32_t)violations : ${MOST_VIOLATIONS};`,
    '}',
    '',
  ].join('\n');
  return { target: 'cpp', source, entry: name, flags: CPP_FLAGS };
}

/** Helpers, the body of one id or one group, and `NAME_run`, which runs a range of them one after the other. */
function cppFunctions({ form, vectors }: CppForm, name: string): string[] {
  const { kernel } = form;
  const effects = new Effects(kernel);
  const helpers = new HelperTexts(CPP, kernel, name, effects);
  const privates = [...form.workspace.privates.keys()];
  const what = [`// ${kernel.name} (${kernel.kind})`];
  if (kernel.workgroup !== null) {
    const driver = new Driver(CPP, kernel, privates);
    const group = groupFunction(driver, form, `${name}_group`, effects, helpers.name, vectors);
    const run = runFunctions(form, driver, name, groupLoop(driver, form, group));
    return [...what, ...helpers.lines(), ...group.lines, ...run];
  }
  const { items, idKernel } = onlyItems(kernel);
  const driver = new Driver(CPP, idKernel, privates);
  const body = driver.bodyFunction(`${name}_body`, effects, helpers.name);
  const vector = vectors.get(items);
  const lanes = vector === undefined ? [] : lanesFunction(driver, `${name}_lanes`, vector, effects, helpers.name);
  const one = driver.bodyCall(`${name}_body`);
  const several = vector && driver.bodyCall(`${name}_lanes`);
  const loop = kernel.kind === 'map' ? itemLoop(driver, one, several) : rowLoop(one, several);
  return [...what, ...helpers.lines(), ...body, ...lanes, ...runFunctions(form, driver, name, loop)];
}

/** The body for as many neighbouring ids as a vector has lanes, from the id its caller names. */
function lanesFunction(
  driver: Driver,
  name: string,
  vector: VectorBody,
  effects: Effects,
  helper: Surroundings['helper'],
): string[] {
  const around = driver.surroundings(helper);
  const leaves = new BodyPrinter(CPP, driver.kernel.main, around, effects, new Set());
  const params = driver.bodyParams().map((param) => `${param.type} ${param.name}`);
  const noSpills = (local: number): never => {
    throw new Error(`local ${local} is kept without a workgroup`);
  };
  const lines = new VectorPrinter(WIDTH, vector, around, leaves, noSpills, 'lanes').print();
  return [`${CPP.functionPrefix} void ${name}(${params.join(', ')}) {`, ...lines.map((line) => `  ${line}`), '}'];
}

/** Without a workgroup one `items` statement is all there is; its body is that of one id. */
function onlyItems(kernel: IrKernel): { readonly items: Items; readonly idKernel: IrKernel } {
  const [items, ...rest] = kernel.main.body;
  if (items?.op !== 'items' || rest.length > 0) throw new Error(`${kernel.name} is not in the form for CPUs`);
  return { items, idKernel: { ...kernel, main: { ...kernel.main, body: items.body } } };
}

/** With private copies the range exists twice: where they are used, updates need no atomics. */
function runFunctions(form: CpuForm, driver: Driver, name: string, loop: readonly string[]): string[] {
  const { workspace } = form;
  const params = `${ENTRY_PARAMS}, uint64_t* violations`;
  const lines = (text: readonly string[]): string[] => withoutUnused(text).map((line) => `  ${line}`);
  const enter = [...driver.enter('group'), ...workspaceLines(form, driver)];
  const guarded = ['if (count == 0) return;', ...enter];
  if (workspace.privates.size === 0)
    return [`static void ${name}_run(${params}) {`, ...lines([...guarded, ...loop]), '}'];
  const copies = [...workspace.privates].map(([slot, copy]) => {
    const [array, real] = [slotName(driver.plan.slots, slot), slotDetail(driver.plan.slots, slot, 'all')];
    const type = driver.dtype(slot);
    const identity = literal(CPP, type, copy.identity).text;
    const length = `block[${slotWord(slot, 1)}]`;
    return {
      choose: `${CPP.types[type]}* ${array} = isPrivate ? (${CPP.types[type]}*)(workspace + ${copy.offset}) : ${real};`,
      clear: `for (uint32_t i = 0; i < ${length}; ++i) ${array}[i] = ${identity};`,
      merge: [
        `for (uint32_t i = 0; i < ${length}; ++i) {`,
        `  if (${array}[i] != ${identity}) gb_atomic_${copy.operator}_${type}(${real} + i, ${array}[i]);`,
        '}',
      ],
      fits: `${length} <= ${copy.elements}u`,
    };
  });
  const indented = (text: readonly string[]): string[] => text.map((line) => `  ${line}`);
  const range = [
    ...enter,
    ...copies.map(({ choose }) => choose),
    'if (isPrivate) {',
    ...indented(copies.map(({ clear }) => clear)),
    '}',
    ...loop,
    'if (isPrivate) {',
    ...indented(copies.flatMap(({ merge }) => merge)),
    '}',
  ];
  return [
    `[[gnu::always_inline]] static inline void ${name}_range(${params}, const bool isPrivate) {`,
    ...lines(range),
    '}',
    `static void ${name}_run(${params}) {`,
    '  if (count == 0) return;',
    '  const uint32_t* block = (const uint32_t*)(memory + argumentBlock);',
    `  if (${copies.map(({ fits }) => fits).join(' && ')}) ${name}_range(${ENTRY_ARGS}, violations, true);`,
    `  else ${name}_range(${ENTRY_ARGS}, violations, false);`,
    '}',
  ];
}

/** Where this executor keeps what belongs to a group. */
function workspaceLines({ kernel, workspace }: CpuForm, driver: Driver): string[] {
  if (workspace.bytes === 0) return [];
  const slot = driver.plan.slots.length;
  const perLine = SCRATCH_ALIGN_BYTES / 4;
  const region = `group * (uint64_t)((block[${slotWord(slot, 1)}] + ${perLine - 1}u) / ${perLine}u) * ${SCRATCH_ALIGN_BYTES}`;
  const place = (type: string, name: string, offset: number): string =>
    `${type}* ${name} = (${type}*)(workspace + ${offset});`;
  return [
    `uint8_t* workspace = memory + *(const uint64_t*)(block + ${slotWord(slot, 2)}) + ${region};`,
    ...kernel.shared.map((array, i) =>
      place(driver.storage(array.dtype), driver.sharedName(i), workspace.shared[i] ?? 0),
    ),
    ...[...workspace.spills].map(([local, offset]) =>
      place(driver.storage(kernel.main.locals[local]?.type ?? 'u32'), keptName(kernel, local), offset),
    ),
  ];
}

function itemLoop(driver: Driver, one: string, several: string | undefined): string[] {
  const { before, after } = driver.aroundItem();
  const together =
    several === undefined
      ? []
      : [`for (; left >= ${WIDTH}u; item += ${WIDTH}u, left -= ${WIDTH}u) {`, `  ${several}`, '}'];
  return [
    'uint32_t item = first, left = count;',
    ...together,
    'for (; left != 0; ++item, --left) {',
    ...[...before, one, ...after].map((line) => `  ${line}`),
    '}',
  ];
}

/** Row by row, so that the inner loop counts one id and has no division. */
function rowLoop(one: string, several: string | undefined): string[] {
  const together =
    several === undefined ? [] : [`  for (; end - global_x >= ${WIDTH}u; global_x += ${WIDTH}u) ${several}`];
  return [
    'uint32_t global_x = first % globalSize_x;',
    'uint32_t global_y = first / globalSize_x % globalSize_y;',
    'uint32_t global_z = first / globalSize_x / globalSize_y;',
    'for (uint32_t left = count; left != 0;) {',
    '  const uint32_t row = left < globalSize_x - global_x ? left : globalSize_x - global_x;',
    '  const uint32_t end = global_x + row;',
    ...together,
    `  for (; global_x < end; ++global_x) ${one}`,
    '  left -= row;',
    '  global_x = 0;',
    '  if (++global_y == globalSize_y) {',
    '    global_y = 0;',
    '    ++global_z;',
    '  }',
    '}',
  ];
}

function groupLoop(driver: Driver, { kernel }: CpuForm, group: GroupFunction): string[] {
  const clear = kernel.shared.map(
    ({ dtype, length }, i) => `std::memset(${driver.sharedName(i)}, 0, ${length} * sizeof(${driver.storage(dtype)}));`,
  );
  return [
    ...driver.groupCounts(),
    'for (uint32_t groupIndex = first, left = count; left != 0; ++groupIndex, --left) {',
    ...[...driver.groupIds(), ...clear, group.call].map((line) => `  ${line}`),
    '}',
  ];
}
