import { SCRATCH_ALIGN_BYTES, isWide, sizeOf } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import type { CpuForm } from '../../ir/cpu-form.js';
import type { Axis, IrKernel, Items } from '../../ir/nodes.js';
import { walkStmts } from '../../ir/walk.js';
import type { KernelPlan } from '../plan.js';
import { VIEW, exprText, stmtLines } from './expressions.js';
import type { JsNames } from './expressions.js';
import { commonNames, declareLocals, gridEntryLines, missing, slotName, slotOf, slotOffset } from './names.js';

const AXES = ['x', 'y', 'z'] as const;

/**
 * The body of `run` for a kernel with workgroups: groups one after the other; in a group, code of the group with loops
 * over its ids.
 */
export function groupLines(form: CpuForm, plan: KernelPlan): string[] {
  const { kernel, homes, workspace } = form;
  const [x, y, z] = kernel.workgroup ?? missing();
  const width: Readonly<Record<Axis, number>> = { x, y, z };
  const wide = AXES.filter((axis) => axis === 'x' || width[axis] > 1);
  const slot = (at: number): string => slotName(plan.slots, at);
  const shared = (at: number): string => `shared${at}_${kernel.shared[at]?.name ?? ''}`;
  const ofIds: JsNames = {
    ...commonNames(kernel, plan),
    // Along an axis with one id per group every group has its id inside.
    inRange: `(${wide.map((axis) => `global_${axis} < globalSize_${axis}`).join(' && ')})`,
    start: (array) => (array.kind === 'shared' ? shared(array.shared) : slot(slotOf(array))),
    length: (length) => {
      if (length.kind === 'shared') return `${kernel.shared[length.shared]?.length ?? 0}`;
      return length.kind === 'column' ? `${slot(length.slot)}_length` : missing();
    },
  };
  const kept = (local: number): string => {
    const dtype = kernel.main.locals[local]?.type ?? 'u32';
    return `${VIEW[dtype]}[${placeText(workspace.spills.get(local) ?? 0, dtype)} + id]`;
  };
  const typeOf = (local: number): DType => kernel.main.locals[local]?.type ?? 'u32';
  const items = (stmt: Items, indent: string): string[] => {
    const below = stmt.below === null ? null : exprText(ofGroup, stmt.below);
    const loops = wide.map((axis) => {
      const limits = [`${width[axis]}`];
      // Ids beyond the global size do not run.
      if (!kernel.fullGroups) limits.push(`globalSize_${axis} - group_${axis} * ${width[axis]}`);
      if (axis === 'x' && below !== null) limits.push(below);
      const limit = limits.length > 1 ? `Math.min(${limits.join(', ')})` : limits.join('');
      return `for (let local_${axis} = 0, end_${axis} = ${limit}; local_${axis} < end_${axis}; local_${axis}++) {`;
    });
    const inner = `${indent}${'  '.repeat(wide.length)}`;
    const body = [
      ...stmt.loads.map((local) => {
        const asBool = typeOf(local) === 'bool' ? ' !== 0' : '';
        return `${inner}${ofIds.local(local)} = ${kept(local)}${asBool};`;
      }),
      `${inner}body: {`,
      ...stmtLines(ofIds, stmt.body, `${inner}  `),
      `${inner}}`,
      ...stmt.stores.map((local) => `${inner}${kept(local)} = ${ofIds.local(local)};`),
    ];
    const text = body.join('\n');
    const ids = AXES.flatMap((axis) => [
      ...(wide.includes(axis) ? [] : [[`local_${axis}`, '0']]),
      [`global_${axis}`, wide.includes(axis) ? `group_${axis} * ${width[axis]} + local_${axis}` : `group_${axis}`],
    ]);
    return [
      ...[...loops].reverse().map((loop, i) => `${indent}${'  '.repeat(i)}${loop}`),
      ...ids.flatMap(([name = '', value = '']) => (text.includes(name) ? [`${inner}const ${name} = ${value};`] : [])),
      ...(stmt.loads.length + stmt.stores.length > 0 ? [`${inner}const id = ${linearText()};`] : []),
      ...declareLocals(ofIds.local, localsOf(kernel, stmt, homes), inner),
      ...body,
      ...wide.map((_, i) => `${indent}${'  '.repeat(wide.length - 1 - i)}}`),
    ];
  };
  /** The linear local id, of what can differ from 0. */
  const linearText = (): string =>
    wide
      .map((axis) => {
        const step = axis === 'x' ? 1 : axis === 'y' ? width.x : width.x * width.y;
        return step === 1 ? `local_${axis}` : `${step} * local_${axis}`;
      })
      .join(' + ');
  const ofGroup: JsNames = { ...ofIds, leave: () => 'break whole;', items };
  const groupLocals = [...kernel.main.locals.keys()].filter((local) => homes[local] === 'group');
  return [
    ...gridEntryLines(plan),
    ...(workspace.bytes > 0 ? [workspaceLine(plan, workspace.bytes)] : []),
    ...kernel.shared.map(({ dtype }, i) => `    const ${shared(i)} = ${placeText(workspace.shared[i] ?? 0, dtype)};`),
    ...AXES.map((axis) => `    const groupCount_${axis} = Math.ceil(globalSize_${axis} / ${width[axis]});`),
    '    for (let index = first; index < first + count; index++) {',
    '      const group_x = index % groupCount_x;',
    '      const group_y = Math.floor(index / groupCount_x) % groupCount_y;',
    '      const group_z = Math.floor(index / groupCount_x / groupCount_y);',
    ...kernel.shared.map(({ dtype, length }, i) => {
      const zero = isWide(dtype) ? '0n' : '0';
      return `      ${VIEW[dtype]}.fill(${zero}, ${shared(i)}, ${shared(i)} + ${length});`;
    }),
    '      whole: {',
    ...declareLocals(ofIds.local, groupLocals, '        '),
    ...stmtLines(ofGroup, kernel.main.body, '        '),
    '      }',
    '    }',
  ];
}

/** Byte offset of this executor's part of the workspace. */
function workspaceLine(plan: KernelPlan, bytes: number): string {
  const at = slotOffset(plan.slots.length);
  const each = Math.ceil(bytes / SCRATCH_ALIGN_BYTES) * SCRATCH_ALIGN_BYTES;
  return `    const workspace = u32s[(block + ${at + 8}) >>> 2] + executor * ${each};`;
}

function placeText(offset: number, dtype: DType): string {
  return `((workspace + ${offset}) >>> ${sizeOf(dtype) === 8 ? 3 : 2})`;
}

/** Locals of an id that its statements name. */
function localsOf(kernel: IrKernel, items: Items, homes: CpuForm['homes']): number[] {
  const used = new Set([...items.loads, ...items.stores]);
  walkStmts(items.body, {
    expr: (e) => {
      if (e.op === 'local') used.add(e.local);
    },
    stmt: (s) => {
      if (s.op === 'let' || s.op === 'set') used.add(s.local);
      if (s.op === 'callInto') s.locals.forEach((local) => used.add(local));
    },
  });
  return [...kernel.main.locals.keys()].filter((local) => used.has(local) && homes[local] === 'item');
}
