import { sizeOf } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import type { CpuForm } from '../../ir/cpu-form.js';
import type { Axis, IrKernel, Items } from '../../ir/nodes.js';
import { walkStmts } from '../../ir/walk.js';
import { VIEW, stmtLines } from './expressions.js';
import type { JsNames } from './expressions.js';
import { declareLocals, missing } from './names.js';

const AXES = ['x', 'y', 'z'] as const;

/** Axes along which a group has more than one id; x in any case. */
export function wideAxes(kernel: IrKernel): readonly Axis[] {
  return AXES.filter((axis, i) => axis === 'x' || (kernel.workgroup?.[i] ?? 1) > 1);
}

/** Loops over the ids of a group, x innermost; `below` is the bound on the local x, where there is one. */
export function idLoops(form: CpuForm, ofIds: JsNames, stmt: Items, below: string | null, indent: string): string[] {
  const { kernel, homes, workspace } = form;
  const [x, y, z] = kernel.workgroup ?? missing();
  const width: Readonly<Record<Axis, number>> = { x, y, z };
  const wide = wideAxes(kernel);
  const kept = (local: number): string => {
    const dtype = kernel.main.locals[local]?.type ?? 'u32';
    return `${VIEW[dtype]}[${placeText(workspace.spills.get(local) ?? 0, dtype)} + id]`;
  };
  const typeOf = (local: number): DType => kernel.main.locals[local]?.type ?? 'u32';
  // The linear local id, of what can differ from 0.
  const linear = wide
    .map((axis) => {
      const step = axis === 'x' ? 1 : axis === 'y' ? width.x : width.x * width.y;
      return step === 1 ? `local_${axis}` : `${step} * local_${axis}`;
    })
    .join(' + ');
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
    ...(stmt.loads.length + stmt.stores.length > 0 ? [`${inner}const id = ${linear};`] : []),
    ...declareLocals(ofIds.local, localsOf(kernel, stmt, homes), inner),
    ...body,
    ...wide.map((_, i) => `${indent}${'  '.repeat(wide.length - 1 - i)}}`),
  ];
}

/** Element index of a place in the workspace. */
export function placeText(offset: number, dtype: DType): string {
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
