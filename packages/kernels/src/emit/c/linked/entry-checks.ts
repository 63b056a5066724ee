import { SCRATCH_ALIGN_BYTES, leastLengths, sizeOf } from '@gpu-bridge/abstractions';
import type { ArgumentSlot, LeastLength } from '@gpu-bridge/abstractions';
import type { IrKernel } from '../../../ir/nodes.js';
import { planOf } from '../../plan.js';
import type { Dialect } from '../dialect.js';
import { slotWord } from '../driver.js';
import { entryWord, longFunction, statusText } from './ring-text.js';

/** Functions that the checks of all kernels call. */
export function checkPrelude(dialect: Dialect): string[] {
  const { u32, u64 } = dialect.types;
  const { global } = dialect.spaces;
  const fn = longFunction(dialect);
  return [
    `${fn}bool gb_lies_inside(${u64} offset, ${u64} bytes, ${u64} arenaOffset, ${u64} memoryBytes) {`,
    '  return offset >= arenaOffset && offset <= memoryBytes && bytes <= memoryBytes - offset;',
    '}',
    '// Whether a slot has so many elements, all inside the arena, the only space there is.',
    `${fn}bool gb_holds(${global}const ${u32}* slot, ${u64} atLeast, ${u32} elementBytes, ${u64} arenaOffset, ${u64} memoryBytes) {`,
    `  const ${u64} offset = *(${global}const ${u64}*)(slot + 2);`,
    `  const ${u64} elements = slot[1];`,
    '  if (slot[0] != 0 || elements < atLeast) return false;',
    '  if (elements == 0) return true;',
    '  return offset % elementBytes == 0 && gb_lies_inside(offset, elements * elementBytes, arenaOffset, memoryBytes);',
    '}',
    '// The same of scratch, for every region up to the last of this group.',
    `${fn}bool gb_holds_scratch(${global}const ${u32}* slot, ${u64} atLeast, ${u32} elementBytes, ${u64} regions, ${u64} arenaOffset, ${u64} memoryBytes) {`,
    `  const ${u64} offset = *(${global}const ${u64}*)(slot + 2);`,
    `  const ${u64} bytes = ((${u64})slot[1] * elementBytes + ${SCRATCH_ALIGN_BYTES - 1}u) / ${SCRATCH_ALIGN_BYTES}u * ${SCRATCH_ALIGN_BYTES}u;`,
    '  if (slot[0] != 0 || slot[1] < atLeast) return false;',
    '  if (bytes == 0) return true;',
    '  return offset % elementBytes == 0 && gb_lies_inside(offset, bytes * regions, arenaOffset, memoryBytes);',
    '}',
  ];
}

/** Parameters of `STEM_check` beyond the entry's words; the caller's names. */
export const CHECK_ARGS = 'memory, memoryBytes, arenaOffset, entry, regions';

/**
 * `STEM_check`, which says what becomes of an entry for this kernel: whatever its block holds, a body that does not leave its
 * arrays stays inside what the block names, and that inside the arena. Contents of columns, offsets of lists among them, are data.
 */
export function checkFunction(dialect: Dialect, kernel: IrKernel, stem: string): string[] {
  const { u32, u64 } = dialect.types;
  const { global, shared } = dialect.spaces;
  const { slots } = planOf(kernel);
  const least = leastLengths(kernel, slots);
  const params = [
    `${global}${dialect.byte}* memory`,
    `${u64} memoryBytes`,
    `${u64} arenaOffset`,
    `const ${shared}${u32}* entry`,
    `${u64} regions`,
  ];
  const lines = [
    `const ${u64} at = ((${u64})${entryWord('PARAMS_HIGH')} << 32) + ${entryWord('PARAMS_LOW')};`,
    `if (at % 16u != 0 || !gb_lies_inside(at, ${slotWord(slots.length, 0) * 4}u, arenaOffset, memoryBytes)) return ${statusText('BAD_ARGUMENT_BLOCK')};`,
    `${global}const ${u32}* block = (${global}const ${u32}*)(memory + at);`,
    ...slots.flatMap((slot, i) => {
      const check = slotCheck(dialect, slot, i, least[i]!);
      return check === undefined ? [] : [`if (!${check}) return ${statusText('BAD_ARGUMENT_BLOCK')};`];
    }),
    ...units(dialect, kernel),
    `return (${u64})${entryWord('FIRST_ITEM')} + ${entryWord('ITEM_COUNT')} <= units ? ${statusText('OK')} : ${statusText('BAD_RANGE')};`,
  ];
  return [
    `${longFunction(dialect)}${u32} ${stem}_check(${params.join(', ')}) {`,
    ...lines.map((line) => `  ${line}`),
    '}',
  ];
}

function slotCheck(
  dialect: Dialect,
  { part, dtype }: ArgumentSlot,
  index: number,
  least: LeastLength,
): string | undefined {
  if (part === 'uniform') return undefined;
  const args = [`block + ${slotWord(index, 0)}`, leastElements(dialect, least), `${sizeOf(dtype)}u`];
  return part === 'scratch'
    ? `gb_holds_scratch(${[...args, 'regions'].join(', ')}, arenaOffset, memoryBytes)`
    : `gb_holds(${args.join(', ')}, arenaOffset, memoryBytes)`;
}

function leastElements({ types: { u64 } }: Dialect, { times, of, plus }: LeastLength): string {
  if (times === 0) return `${plus}u`;
  const counted = of === 'items' ? 'block[0]' : `block[${slotWord(of, 1)}]`;
  if (times === 1 && plus === 0) return counted;
  return `(${u64})${counted} * ${times}u + ${plus}u`;
}

/** Declaration of how many items, ids or groups there are. */
function units({ types: { u64 }, suffixes }: Dialect, { kind, workgroup }: IrKernel): string[] {
  const limit = `4294967296${suffixes.u64}`;
  if (kind === 'map') return [`const ${u64} units = block[0];`];
  const along = (axis: 0 | 1 | 2): string => {
    const size = workgroup?.[axis] ?? 1;
    return size === 1 ? `(${u64})block[${1 + axis}]` : `((${u64})block[${1 + axis}] + ${size - 1}u) / ${size}u`;
  };
  return [
    `const ${u64} plane = ${along(0)} * (${along(1)});`,
    // More than an entry can name, and a product that cannot wrap.
    `const ${u64} units = (plane < ${limit} ? plane : ${limit}) * (${along(2)});`,
  ];
}
