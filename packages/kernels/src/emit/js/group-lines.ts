import { SCRATCH_ALIGN_BYTES, isWide } from '@gpu-bridge/abstractions';
import type { CpuForm } from '../../ir/cpu-form.js';
import type { Axis } from '../../ir/nodes.js';
import type { KernelPlan } from '../plan.js';
import { VIEW, exprText, stmtLines } from './expressions.js';
import type { JsNames } from './expressions.js';
import { idLoops, placeText, wideAxes } from './id-loops.js';
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
  const slot = (at: number): string => slotName(plan.slots, at);
  const shared = (at: number): string => `shared${at}_${kernel.shared[at]?.name ?? ''}`;
  const ofIds: JsNames = {
    ...commonNames(kernel, plan),
    // Along an axis with one id per group every group has its id inside.
    inRange: `(${wideAxes(kernel)
      .map((axis) => `global_${axis} < globalSize_${axis}`)
      .join(' && ')})`,
    start: (array) => (array.kind === 'shared' ? shared(array.shared) : slot(slotOf(array))),
    length: (length) => {
      if (length.kind === 'shared') return `${kernel.shared[length.shared]?.length ?? 0}`;
      return length.kind === 'column' ? `${slot(length.slot)}_length` : missing();
    },
  };
  const ofGroup: JsNames = {
    ...ofIds,
    leave: () => 'break whole;',
    items: (stmt, indent) => {
      const below = stmt.below === null ? null : exprText(ofGroup, stmt.below);
      return idLoops(form, ofIds, stmt, below, indent);
    },
  };
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
