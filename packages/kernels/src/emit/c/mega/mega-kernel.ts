import { createHash } from 'node:crypto';
import { Op, Status, ringAbi } from '@gpu-bridge/protocol';
import type { KernelId } from '@gpu-bridge/abstractions';
import { requirementsOf } from '../../../passes/effects.js';
import { CPP_FLAGS, CPP_HEAD } from '../cpp.js';
import { cudaFlags } from '../cuda.js';
import { deviceOf, storageOf } from '../dialect.js';
import type { Dialect } from '../dialect.js';
import { cppFunctions } from '../emit-cpp.js';
import type { CppForm } from '../emit-cpp.js';
import { deviceFunctions } from '../emit-gpu.js';
import type { DeviceSource } from '../emit-gpu.js';
import { stemOf } from '../names.js';
import { openClFlags, openClHead } from '../opencl.js';
import { MOST_VIOLATIONS, preludeFor } from '../prelude.js';
import { lanePrelude } from '../spmd/lane-prelude.js';
import { WIDTH } from '../spmd/vector-printer.js';
import { byFootprint, sharedOffsets } from './footprint.js';
import type { Footprint } from './footprint.js';
import { DEVICE_DIALECTS, HOST_DIALECT, WORD, ringText } from './ring-text.js';

/**
 * A resident loop over rings, with a switch over the kernels it was linked from.
 *
 * - `opencl` and `cuda`: `entry(uchar* memory, ulong memoryBytes, uchar* rings, uint ringBytes, uint maxEmptyPolls)`, one
 *   group per ring, ring r at `rings + r * ringBytes`. `groupSize` work-items per group, any number where null; lane l of
 *   a group of n uses scratch region `sqe.group * n + l`. Nobody can be woken from a device: a parked reaper finds its
 *   bell rung, and somebody on the host has to look. `durationNs` is 0 in OpenCL, which has no clock.
 * - `cpp`: `void entry(uint8_t* memory, uint64_t memoryBytes, uint32_t* ring, uint32_t maxEmptyPolls, void (*wake)(uint32_t* bell))`
 *   serves one ring on the calling thread; `wake` (or null) is called where the reaper has to be woken.
 *
 * It returns when the stop word is set and the queue empty, or after that many empty polls in a row: a lease. Then it
 * says in the ring that it is parked; started again it goes on behind the last entry it ran.
 */
export interface MegaKernel {
  readonly target: 'opencl' | 'cuda' | 'cpp';
  readonly source: string;
  readonly entry: string;
  readonly flags: readonly string[];
  /** Numbers of the kernels it runs; others complete as `UNKNOWN_KERNEL`. */
  readonly kernels: readonly number[];
  /** Work-items per group that a launch must have; null where any number will do, and for C++. */
  readonly groupSize: number | null;
  readonly sharedBytes: number;
}

export type DeviceMember = DeviceSource & { readonly number: number };
export type HostMember = CppForm & { readonly number: number; readonly id: KernelId };

/** Mega-kernels of these kernels for a device, one per footprint: emit/c/mega/footprint. */
export function linkMegaKernels(members: readonly DeviceMember[], target: 'opencl' | 'cuda'): MegaKernel[] {
  return byFootprint(members, (member) => member.kernel).map((group) =>
    linkForDevice(DEVICE_DIALECTS[target], target, group.members, group.footprint),
  );
}

/** One mega-kernel of these kernels for a thread: on a CPU they cost each other nothing. */
export function linkCppMegaKernel(members: readonly HostMember[]): MegaKernel {
  const name = megaName(members.map(({ id }) => id));
  const functions = members.flatMap((member) => cppFunctions(member, stemOf(member.id)));
  const cases = members.map(
    ({ number, id }) =>
      `case ${number}u: ${stemOf(id)}_run(memory, block, ${entryWords('FIRST_ITEM', 'ITEM_COUNT', 'GROUP')}, &violations); break;`,
  );
  const loop = [
    `extern "C" void ${name}(uint8_t* memory, uint64_t memoryBytes, uint32_t* ring, uint32_t maxEmptyPolls, void (*wake)(uint32_t* bell)) {`,
    '  uint32_t entry[16];',
    ...begin().map((line) => `  ${line}`),
    '  while (gb_ring_take(ring, position, maxEmptyPolls, entry)) {',
    '    const uint64_t started = gb_ring_now();',
    '    uint64_t violations = 0;',
    ...dispatch(
      HOST_DIALECT,
      members.map(({ number }) => number),
      cases,
    ).map((line) => `    ${line}`),
    `    const uint32_t counted = violations < ${MOST_VIOLATIONS} ? (uint32_t)violations : ${MOST_VIOLATIONS}u;`,
    '    const bool isParked = gb_ring_complete(ring, position, entry, status, counted, gb_ring_now() - started);',
    `    if (isParked && wake != nullptr) wake(ring + ${WORD.completionBell});`,
    '    ++position;',
    '  }',
    '}',
    '',
  ];
  const text = [...ringText(HOST_DIALECT), ...functions, ...loop];
  return {
    target: 'cpp',
    source: [
      ...CPP_HEAD,
      '#include <chrono>',
      ...preludeFor(HOST_DIALECT, true, text, lanePrelude(WIDTH)),
      ...text,
    ].join('\n'),
    entry: name,
    flags: CPP_FLAGS,
    kernels: members.map(({ number }) => number),
    groupSize: null,
    sharedBytes: 0,
  };
}

function linkForDevice(
  dialect: Dialect,
  target: 'opencl' | 'cuda',
  members: readonly DeviceMember[],
  { fp, groupSize, sharedBytes }: Footprint,
): MegaKernel {
  const strict = fp === 'strict';
  const name = megaName(members.map(({ id }) => id));
  const functions = members.flatMap((member) => deviceFunctions(dialect, member));
  const text = [
    ...ringText(dialect),
    ...functions,
    ...deviceLoop(dialect, name, members, { fp, groupSize, sharedBytes }),
  ];
  const needs = new Set(members.flatMap(({ kernel }) => requirementsOf(kernel)));
  const head =
    target === 'opencl'
      ? [
          ...openClHead({ f64: needs.has('f64'), wideAtomics: needs.has('i64-atomics') }),
          `#pragma OPENCL FP_CONTRACT ${strict ? 'OFF' : 'ON'}`,
        ]
      : [];
  return {
    target,
    source: [...head, ...preludeFor(dialect, strict, text), ...text, ''].join('\n'),
    entry: name,
    flags: target === 'opencl' ? openClFlags(strict) : cudaFlags(strict),
    kernels: members.map(({ number }) => number),
    groupSize,
    sharedBytes,
  };
}

function deviceLoop(
  dialect: Dialect,
  name: string,
  members: readonly DeviceMember[],
  { groupSize, sharedBytes }: Footprint,
): string[] {
  const { u32, u64 } = dialect.types;
  const { global, shared } = dialect.spaces;
  const { barrier, entryPrefix, sharedPrefix, ids } = deviceOf(dialect);
  const cases = members.map(({ number, id, kernel }) => {
    const range = entryWords('FIRST_ITEM', 'ITEM_COUNT');
    const { offsets } = sharedOffsets(kernel);
    const arrays = kernel.shared.map(
      ({ dtype }, i) => `(${shared}${storageOf(dialect, dtype)}*)(pool + ${(offsets[i] ?? 0) / 8})`,
    );
    const lane =
      kernel.workgroup === null
        ? ['lane', 'lanes', `${entryWords('GROUP')} * lanes + lane`]
        : ['lane', '0u', '1u', ...arrays];
    return `case ${number}u: ${stemOf(id)}_run(memory, block, ${[range, ...lane].join(', ')}, &violations); break;`;
  });
  const params = [
    `${global}${dialect.byte}* memory`,
    `${u64} memoryBytes`,
    `${global}${dialect.byte}* rings`,
    `${u32} ringBytes`,
    `${u32} maxEmptyPolls`,
  ];
  return [
    `${entryPrefix(groupSize)} ${name}(${params.join(', ')}) {`,
    ...[
      '// Entry, whether there is one, and violations of the group: written by lane 0, read by all.',
      `${sharedPrefix} ${u32} entry[16];`,
      `${sharedPrefix} ${u32} isTaken;`,
      `${sharedPrefix} ${u32} counted;`,
      ...(sharedBytes === 0 ? [] : [`${sharedPrefix} ${u64} pool[${sharedBytes / 8}];`]),
      `const ${u32} lane = ${ids.localId};`,
      ...(groupSize === null ? [`const ${u32} lanes = ${ids.localSize};`] : []),
      `${global}${u32}* ring = (${global}${u32}*)(rings + (${u64})${ids.groupId} * ringBytes);`,
      'if (lane == 0) {',
      ...begin(true).map((line) => `  ${line}`),
      '  counted = 0;',
      '}',
      `${u32} position = ring[${WORD.running}];`,
      barrier,
      'for (;;) {',
      '  if (lane == 0) isTaken = gb_ring_take(ring, position, maxEmptyPolls, entry);',
      `  ${barrier}`,
      '  if (!isTaken) break;',
      `  const ${u64} started = gb_ring_now();`,
      `  ${u64} violations = 0;`,
      ...dispatch(
        dialect,
        members.map(({ number }) => number),
        cases,
      ).map((line) => `  ${line}`),
      '  if (violations != 0) gb_report_shared(&counted, violations);',
      '  // Everything the lanes wrote is published with the completion.',
      `  ${barrier}`,
      '  if (lane == 0) {',
      '    gb_ring_complete(ring, position, entry, status, counted, gb_ring_now() - started);',
      '    counted = 0;',
      '  }',
      '  ++position;',
      '}',
    ].map((line) => `  ${line}`),
    '}',
  ];
}

/** The start of a lease. */
function begin(isDevice = false): string[] {
  return [
    `gb_ring_store(ring + ${WORD.parked}, 0);`,
    `gb_ring_store(ring + ${WORD.leases}, ring[${WORD.leases}] + 1);`,
    ...(isDevice ? [] : [`uint32_t position = ring[${WORD.running}];`]),
  ];
}

/** What becomes of the entry; runs its kernel. */
function dispatch(dialect: Dialect, numbers: readonly number[], cases: readonly string[]): string[] {
  const { u32, u64 } = dialect.types;
  const known = numbers.map((number) => `${entryWords('KERNEL')} == ${number}u`).join(' || ');
  return [
    `const ${u64} block = ((${u64})${entryWords('PARAMS_HIGH')} << 32) + ${entryWords('PARAMS_LOW')};`,
    `${u32} status = ${Status.OK}u;`,
    `if (${entryWords('GENERATION')} != ring[${WORD.generation}]) status = ${Status.STALE_GENERATION}u;`,
    `else if (${entryWords('OP')} != ${Op.RUN}u) status = ${Status.UNKNOWN_OP}u;`,
    `else if (!(${known})) status = ${Status.UNKNOWN_KERNEL}u;`,
    `else if (block % 16u != 0 || memoryBytes < 16u || block > memoryBytes - 16u) status = ${Status.BAD_ARGUMENT_BLOCK}u;`,
    `else switch (${entryWords('KERNEL')}) {`,
    ...cases.map((line) => `  ${line}`),
    '}',
  ];
}

const SQE_WORDS = {
  OP: ringAbi.SQE_OP,
  KERNEL: ringAbi.SQE_KERNEL,
  GENERATION: ringAbi.SQE_GENERATION,
  PARAMS_LOW: ringAbi.SQE_PARAMS_LOW,
  PARAMS_HIGH: ringAbi.SQE_PARAMS_HIGH,
  FIRST_ITEM: ringAbi.SQE_FIRST_ITEM,
  ITEM_COUNT: ringAbi.SQE_ITEM_COUNT,
  GROUP: ringAbi.SQE_GROUP,
} as const;

function entryWords(...words: readonly (keyof typeof SQE_WORDS)[]): string {
  return words.map((word) => `entry[${SQE_WORDS[word]}]`).join(', ');
}

function megaName(ids: readonly KernelId[]): string {
  return `mega_${createHash('sha256').update(ids.join()).digest('hex').slice(0, 8)}`;
}
