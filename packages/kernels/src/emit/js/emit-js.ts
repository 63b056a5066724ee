import { ARGUMENT_HEADER_BYTES, ARGUMENT_SLOT_BYTES, SCRATCH_ALIGN_BYTES, sizeOf } from '@gpu-bridge/abstractions';
import type { ArgumentSlot } from '@gpu-bridge/abstractions';
import type { ArrayRef, IrFunction, IrKernel } from '../../ir/nodes.js';
import { planOf } from '../plan.js';
import type { BoundPlan, KernelPlan } from '../plan.js';
import { VIEW, bodyLines } from './expressions.js';
import type { JsNames } from './expressions.js';
import { preludeFor } from './prelude.js';

const VIEWS = [
  ['f32s', 'Float32Array', 4],
  ['f64s', 'Float64Array', 8],
  ['i32s', 'Int32Array', 4],
  ['u32s', 'Uint32Array', 4],
  ['i64s', 'BigInt64Array', 8],
  ['u64s', 'BigUint64Array', 8],
] as const;

/** The kernel as JavaScript text; see `KernelArtifact`. */
export function emitJs(kernel: IrKernel): string {
  const plan = planOf(kernel);
  const helpers = kernel.helpers.flatMap((fn, i) => helperLines(kernel, fn, i));
  const run = kernel.kind === 'map' ? mapLines(kernel, plan) : gridLines(kernel, plan);
  const text = [...helpers, ...run].join('\n');
  const views = VIEWS.filter(([name]) => name === 'u32s' || text.includes(name)).map(
    ([name, type, bytes]) => `  const ${name} = new ${type}(memory, 0, Math.floor(memory.byteLength / ${bytes}));`,
  );
  return [
    '(memory) => {',
    ...views,
    '  let violations = 0;',
    ...preludeFor(text).map((line) => `  ${line}`),
    ...helpers,
    '  return (block, first, count, group) => {',
    '    violations = 0;',
    ...run,
    '    return Math.min(violations, 2147483647);',
    '  };',
    '}',
  ].join('\n');
}

function localNames(fn: IrFunction): (local: number) => string {
  // The dollar sign keeps locals apart from every name that is built from parameters.
  return (local) => `${fn.locals[local]?.name ?? 'local'}$${local}`;
}

const missing = (): never => {
  throw new Error('not reachable from here');
};

function helperName(kernel: IrKernel, index: number): string {
  return `helper_${kernel.helpers[index]?.name ?? ''}_${index}`;
}

function helperLines(kernel: IrKernel, fn: IrFunction, index: number): string[] {
  const local = localNames(fn);
  const argName = (i: number): string => {
    const arg = fn.args[i];
    return arg?.kind === 'array' ? `${arg.name}_array` : 'scalar';
  };
  const startOf = (array: ArrayRef): string => (array.kind === 'arg' ? `${argName(array.arg)}_start` : missing());
  const names: JsNames = {
    local,
    start: startOf,
    length: (length) => (length.kind === 'arg' ? `${argName(length.arg)}_length` : missing()),
    uniform: missing,
    column: missing,
    count: missing,
    helper: (i) => helperName(kernel, i),
    leave: (value) => (value === null ? 'return;' : `return ${value};`),
  };
  const params = fn.args.flatMap((arg, i) =>
    arg.kind === 'scalar' ? [local(arg.local)] : [`${argName(i)}_start`, `${argName(i)}_length`],
  );
  const scalars = new Set(fn.args.flatMap((arg) => (arg.kind === 'scalar' ? [arg.local] : [])));
  return [
    `  function ${helperName(kernel, index)}(${params.join(', ')}) {`,
    ...declareLocals(fn, '    ', scalars),
    ...bodyLines(names, fn, '    '),
    '  }',
  ];
}

function declareLocals(fn: IrFunction, indent: string, except: ReadonlySet<number> = new Set()): string[] {
  const names = fn.locals
    .map((_, i) => i)
    .filter((i) => !except.has(i))
    .map(localNames(fn));
  return names.length === 0 ? [] : [`${indent}let ${names.join(', ')};`];
}

function slotName(slots: readonly ArgumentSlot[], slot: number): string {
  const { param, part, column } = slots[slot] ?? { param: 'slot', part: slot, column: '' };
  return `s${slot}_${param}_${part === 'column' ? column : part}`;
}

/** Element index in its view where a slot's data starts; memory is 32-bit, so the low word of the offset is all. */
function baseText(plan: KernelPlan, slot: number): string {
  const dtype = plan.slots[slot]?.dtype ?? 'u32';
  return `u32s[(block + ${slotOffset(slot) + 8}) >>> 2] >>> ${sizeOf(dtype) === 8 ? 3 : 2}`;
}

const slotOffset = (slot: number): number => ARGUMENT_HEADER_BYTES + ARGUMENT_SLOT_BYTES * slot;

function uniformLines(plan: KernelPlan): string[] {
  return plan.uniforms.map((slot) => {
    const dtype = plan.slots[slot]?.dtype ?? 'u32';
    const text = `${VIEW[dtype]}[(block + ${slotOffset(slot)}) >>> ${sizeOf(dtype) === 8 ? 3 : 2}]`;
    return `    const ${slotName(plan.slots, slot)} = ${text}${dtype === 'bool' ? ' !== 0' : ''};`;
  });
}

function commonNames(kernel: IrKernel, plan: KernelPlan): Pick<JsNames, 'local' | 'uniform' | 'helper' | 'leave'> {
  return {
    local: localNames(kernel.main),
    uniform: (slot) => slotName(plan.slots, slot),
    helper: (i) => helperName(kernel, i),
    leave: () => 'break body;',
  };
}

function slotOf(array: ArrayRef): number {
  return array.kind === 'arg' || array.kind === 'shared' ? missing() : array.slot;
}

function mapLines(kernel: IrKernel, plan: KernelPlan): string[] {
  const name = (slot: number): string => slotName(plan.slots, slot);
  const list = (offsets: number): string => `s${offsets}_${plan.slots[offsets]?.param ?? ''}`;
  const bound = ({ a, b, offsets }: BoundPlan): string =>
    offsets === null ? `${b}` : `Math.imul(${a}, ${list(offsets)}_length) + ${b} >>> 0`;
  const names: JsNames = {
    ...commonNames(kernel, plan),
    start: (array) => (array.kind === 'scratch' ? name(array.slot) : `${name(slotOf(array))}_start`),
    length: (length) => {
      if (length.kind === 'list') return `${list(length.slot)}_length`;
      if (length.kind === 'outList') return `${list(length.slot)}_count`;
      if (length.kind === 'capacity') return `${list(length.slot)}_capacity`;
      return length.kind === 'scratch' ? `${name(length.slot)}_length` : missing();
    },
    column: name,
    count: (slot) => `${list(slot)}_count`,
  };
  const enter = [
    ...uniformLines(plan),
    ...plan.columns.map((slot) => `    const ${name(slot)} = ${baseText(plan, slot)};`),
    ...plan.lists
      .flatMap((l) => [l.offsets, ...l.columns])
      .map((slot) => `    const ${name(slot)} = ${baseText(plan, slot)};`),
    ...plan.outLists
      .flatMap((l) => [l.counts, ...l.columns])
      .map((slot) => `    const ${name(slot)} = ${baseText(plan, slot)};`),
    ...plan.scratches.map(({ slot }) => {
      const bytes = sizeOf(plan.slots[slot]?.dtype ?? 'u32');
      const perGroup = SCRATCH_ALIGN_BYTES / bytes;
      const elements = `u32s[(block + ${slotOffset(slot) + 4}) >>> 2]`;
      return `    const ${name(slot)} = (${baseText(plan, slot)}) + group * Math.ceil(${elements} / ${perGroup}) * ${perGroup};`;
    }),
  ];
  const begin = [
    ...plan.lists.flatMap(({ offsets, columns }) => [
      `      const ${list(offsets)}_start = u32s[${name(offsets)} + item];`,
      `      const ${list(offsets)}_length = (u32s[${name(offsets)} + item + 1] - ${list(offsets)}_start) >>> 0;`,
      ...columns.map((slot) => `      const ${name(slot)}_start = ${name(slot)} + ${list(offsets)}_start;`),
    ]),
    ...plan.outLists.flatMap(({ counts, columns, bound: b }) => {
      const driver = b.offsets === null ? '' : ` + ${b.a} * ${list(b.offsets)}_start`;
      return [
        `      let ${list(counts)}_count = 0;`,
        `      const ${list(counts)}_capacity = ${bound(b)};`,
        ...columns.map((slot) => `      const ${name(slot)}_start = ${name(slot)} + ${b.b} * item${driver};`),
      ];
    }),
    ...plan.scratches.map(({ slot, bound: b }) => `      const ${name(slot)}_length = ${bound(b)};`),
  ];
  return [
    ...enter,
    '    for (let item = first; item < first + count; item++) {',
    ...begin,
    '      body: {',
    ...declareLocals(kernel.main, '        '),
    ...bodyLines(names, kernel.main, '        '),
    '      }',
    ...plan.outLists.map(({ counts }) => `      u32s[${name(counts)} + item] = ${list(counts)}_count;`),
    '    }',
  ];
}

function gridLines(kernel: IrKernel, plan: KernelPlan): string[] {
  const name = (slot: number): string => slotName(plan.slots, slot);
  const names: JsNames = {
    ...commonNames(kernel, plan),
    start: (array) => name(slotOf(array)),
    length: (length) => (length.kind === 'column' ? `${name(length.slot)}_length` : missing()),
    column: missing,
    count: missing,
  };
  return [
    ...uniformLines(plan),
    ...plan.columns.map((slot) => `    const ${name(slot)} = ${baseText(plan, slot)};`),
    ...plan.columnLengths.map(
      (slot) => `    const ${name(slot)}_length = u32s[(block + ${slotOffset(slot) + 4}) >>> 2];`,
    ),
    ...(['x', 'y', 'z'] as const).map(
      (axis, i) => `    const globalSize_${axis} = u32s[(block + ${4 + 4 * i}) >>> 2];`,
    ),
    '    for (let id = first; id < first + count; id++) {',
    '      const global_x = id % globalSize_x;',
    '      const global_y = Math.floor(id / globalSize_x) % globalSize_y;',
    '      const global_z = Math.floor(id / globalSize_x / globalSize_y);',
    '      body: {',
    ...declareLocals(kernel.main, '        '),
    ...bodyLines(names, kernel.main, '        '),
    '      }',
    '    }',
  ];
}
