import { SCRATCH_ALIGN_BYTES, argumentLayout, sizeOf } from '@gpu-bridge/abstractions';
import type { CpuForm, LocalHome, PrivateCopy, Workspace } from '../../ir/cpu-form.js';
import type { IrKernel, IrLocal, MathFunction, Stmt } from '../../ir/nodes.js';
import { walkStmts } from '../../ir/walk.js';
import { lowerMath } from '../lower-math.js';
import { uniformityOf } from '../uniformity.js';
import type { Uniformity } from '../uniformity.js';
import { boundItems } from './below.js';
import { fission, itemsOf } from './fission.js';
import { groupLevelOf, groupable } from './group-level.js';
import { keepLocals, mapItems } from './kept-locals.js';
import { privatised } from './privatise.js';

/**
 * The form that the CPU emitters print, of a checked kernel in canonical form.
 *
 * @param native - math functions that the target computes itself, exactly.
 */
export function toCpuForm(checked: IrKernel, native?: ReadonlySet<MathFunction>): CpuForm {
  const kernel = lowerMath(checked, native);
  const { body, locals, groupLocals } = split(kernel);
  const bounded =
    kernel.workgroup === null ? body : mapItems(body, (items) => [boundItems(kernel, items, groupLocals)]);
  const homes = locals.map((_, local): LocalHome => (groupLocals.has(local) ? 'group' : 'item'));
  const form: IrKernel = { ...kernel, main: { ...kernel.main, body: bounded, locals } };
  return { kernel: form, homes, workspace: workspaceOf(form) };
}

interface Split {
  readonly body: readonly Stmt[];
  readonly locals: readonly IrLocal[];
  readonly groupLocals: ReadonlySet<number>;
}

function split(kernel: IrKernel): Split {
  const { main } = kernel;
  // Only kernels with full groups can have barriers.
  if (!kernel.fullGroups || !hasBarrier(main.body))
    return { body: [itemsOf(main.body)], locals: main.locals, groupLocals: new Set() };
  const uniformity = uniformityOf(kernel);
  const [violation] = uniformity.violations;
  if (violation !== undefined)
    throw new Error(`a barrier of '${kernel.name}' is not reached by all ids: ${violation.because}`);
  return splitAtBarriers(kernel, uniformity);
}

/** Uniform locals that would have to be kept for every id become the group's, which can move more to the group. */
function splitAtBarriers(kernel: IrKernel, uniformity: Uniformity): Split {
  const wanted = new Set<number>();
  const allowed = groupable(kernel.main, uniformity);
  for (;;) {
    const { body, locals, groupLocals } = fission(kernel, groupLevelOf(kernel.main, uniformity, wanted));
    const kept = keepLocals(body, groupLocals);
    const before = wanted.size;
    walkStmts(kept, {
      stmt: (s) => {
        if (s.op === 'items') for (const local of s.loads) if (allowed.has(local)) wanted.add(local);
      },
    });
    if (wanted.size === before) return { body: kept, locals, groupLocals };
  }
}

function hasBarrier(stmts: readonly Stmt[]): boolean {
  let found = false;
  walkStmts(stmts, { stmt: (s) => (found ||= s.op === 'barrier') });
  return found;
}

function workspaceOf(kernel: IrKernel): Workspace {
  let bytes = 0;
  const reserve = (size: number): number => {
    const offset = bytes;
    bytes += Math.ceil(size / SCRATCH_ALIGN_BYTES) * SCRATCH_ALIGN_BYTES;
    return offset;
  };
  const shared = kernel.shared.map(({ dtype, length }) => reserve(length * sizeOf(dtype)));
  const kept = new Set<number>();
  walkStmts(kernel.main.body, {
    stmt: (s) => {
      if (s.op === 'items') for (const local of [...s.loads, ...s.stores]) kept.add(local);
    },
  });
  const [x, y, z] = kernel.workgroup ?? [1, 1, 1];
  const spills = new Map(
    [...kept].map((local) => [local, reserve(x * y * z * sizeOf(kernel.main.locals[local]?.type ?? 'u32'))]),
  );
  const { slots } = argumentLayout(kernel.params);
  const privates = new Map(
    [...privatised(kernel)].map(([slot, copy]): [number, PrivateCopy] => [
      slot,
      { ...copy, offset: reserve(copy.elements * sizeOf(slots[slot]?.dtype ?? 'u32')) },
    ]),
  );
  return { bytes, shared, spills, privates };
}
