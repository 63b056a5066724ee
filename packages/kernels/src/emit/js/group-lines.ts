import { SCRATCH_ALIGN_BYTES, isWide, sizeOf } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import type { CpuForm } from '../../ir/cpu-form.js';
import type { IrKernel, Items } from '../../ir/nodes.js';
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
  const sizes = kernel.workgroup ?? missing();
  const slot = (at: number): string => slotName(plan.slots, at);
  const shared = (at: number): string => `shared${at}_${kernel.shared[at]?.name ?? ''}`;
  const ofIds: JsNames = {
    ...commonNames(kernel, plan),
    inRange: `(${AXES.map((axis) => `global_${axis} < globalSize_${axis}`).join(' && ')})`,
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
    const inner = `${indent}  `;
    const below = stmt.below === null ? null : exprText(ofGroup, stmt.below);
    const ids = AXES.map((axis, i) => {
      const limits = [`${sizes[i]}`];
      if (!kernel.fullGroups) limits.push(`globalSize_${axis} - group_${axis} * ${sizes[i]}`);
      if (axis === 'x' && below !== null) limits.push(below);
      const limit = limits.length > 1 ? `Math.min(${limits.join(', ')})` : limits.join('');
      return `for (let local_${axis} = 0, end_${axis} = ${limit}; local_${axis} < end_${axis}; local_${axis}++)`;
    });
    return [
      `${indent}${[...ids].reverse().join(' ')} {`,
      ...AXES.map((axis, i) => `${inner}const global_${axis} = group_${axis} * ${sizes[i]} + local_${axis};`),
      ...(stmt.loads.length + stmt.stores.length > 0
        ? [`${inner}const id = local_x + ${sizes[0]} * (local_y + ${sizes[1]} * local_z);`]
        : []),
      ...declareLocals(ofIds.local, localsOf(kernel, stmt, homes), inner),
      ...stmt.loads.map((local) => {
        const asBool = typeOf(local) === 'bool' ? ' !== 0' : '';
        return `${inner}${ofIds.local(local)} = ${kept(local)}${asBool};`;
      }),
      `${inner}body: {`,
      ...stmtLines(ofIds, stmt.body, `${inner}  `),
      `${inner}}`,
      ...stmt.stores.map((local) => `${inner}${kept(local)} = ${ofIds.local(local)};`),
      `${indent}}`,
    ];
  };
  const ofGroup: JsNames = { ...ofIds, leave: () => 'break whole;', items };
  const groupLocals = [...kernel.main.locals.keys()].filter((local) => homes[local] === 'group');
  const [x, y] = AXES;
  return [
    ...gridEntryLines(plan),
    ...(workspace.bytes > 0 ? [workspaceLine(plan, workspace.bytes)] : []),
    ...kernel.shared.map(({ dtype }, i) => `    const ${shared(i)} = ${placeText(workspace.shared[i] ?? 0, dtype)};`),
    ...AXES.map((axis, i) => `    const groupCount_${axis} = Math.ceil(globalSize_${axis} / ${sizes[i]});`),
    '    for (let index = first; index < first + count; index++) {',
    `      const group_x = index % groupCount_${x};`,
    `      const group_y = Math.floor(index / groupCount_${x}) % groupCount_${y};`,
    `      const group_z = Math.floor(index / groupCount_${x} / groupCount_${y});`,
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
