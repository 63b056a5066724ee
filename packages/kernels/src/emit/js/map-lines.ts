import { SCRATCH_ALIGN_BYTES, sizeOf } from '@gpu-bridge/abstractions';
import type { CpuForm } from '../../ir/cpu-form.js';
import type { BoundPlan, KernelPlan } from '../plan.js';
import { stmtLines } from './expressions.js';
import type { JsNames } from './expressions.js';
import { baseText, commonNames, declareLocals, missing, slotName, slotOf, slotOffset, uniformLines } from './names.js';

/** The body of `run` for a map kernel: items one after the other. */
export function mapLines({ kernel }: CpuForm, plan: KernelPlan): string[] {
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
    items: ({ body }) => [
      '    for (let item = first; item < first + count; item++) {',
      ...begin,
      '      body: {',
      ...declareLocals(names.local, [...kernel.main.locals.keys()], '        '),
      ...stmtLines(names, body, '        '),
      '      }',
      ...plan.outLists.map(({ counts }) => `      u32s[${name(counts)} + item] = ${list(counts)}_count;`),
      '    }',
    ],
  };
  const starts = [
    ...plan.columns,
    ...plan.lists.flatMap((l) => [l.offsets, ...l.columns]),
    ...plan.outLists.flatMap((l) => [l.counts, ...l.columns]),
  ];
  const enter = [
    ...uniformLines(plan),
    ...starts.map((slot) => `    const ${name(slot)} = ${baseText(plan, slot)};`),
    ...plan.scratches.map(({ slot }) => {
      const bytes = sizeOf(plan.slots[slot]?.dtype ?? 'u32');
      const perExecutor = SCRATCH_ALIGN_BYTES / bytes;
      const elements = `u32s[(block + ${slotOffset(slot) + 4}) >>> 2]`;
      return `    const ${name(slot)} = (${baseText(plan, slot)}) + executor * Math.ceil(${elements} / ${perExecutor}) * ${perExecutor};`;
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
  return [...enter, ...stmtLines(names, kernel.main.body, '    ')];
}
