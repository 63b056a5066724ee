import { createHash } from 'node:crypto';
import type { LinkTarget, LinkedKernel, LinkedKernels } from '@gpu-bridge/abstractions';
import { requirementsOf } from '../../../passes/effects.js';
import { cudaFlags } from '../cuda.js';
import { deviceOf, storageOf } from '../dialect.js';
import type { Dialect } from '../dialect.js';
import { deviceFunctions } from '../emit-gpu.js';
import type { DeviceSource } from '../emit-gpu.js';
import { stemOf } from '../names.js';
import { openClFlags, openClHead } from '../opencl.js';
import { preludeFor } from '../prelude.js';
import { CHECK_ARGS, checkFunction, checkPrelude } from './entry-checks.js';
import { byFootprint, sharedOffsets } from './footprint.js';
import type { Footprint } from './footprint.js';
import {
  BEGIN_LEASE,
  DEVICE_DIALECTS,
  NO_LIMIT,
  entryWord,
  isForLoop,
  leaseState,
  ringText,
  statusText,
} from './ring-text.js';

export type DeviceMember = DeviceSource & { readonly number: number };

/** Resident loops over these kernels, one per footprint: emit/c/linked/footprint. */
export function linkKernels(members: readonly DeviceMember[], target: LinkTarget): LinkedKernels {
  return byFootprint(members, (member) => member.kernel).map((group) =>
    linkOne(target, group.members, group.footprint),
  );
}

function linkOne(target: LinkTarget, members: readonly DeviceMember[], footprint: Footprint): LinkedKernel {
  const dialect = DEVICE_DIALECTS[target];
  const strict = footprint.fp === 'strict';
  const entry = `resident_${createHash('sha256')
    .update(JSON.stringify(members.map(({ number, id }) => [number, id])))
    .digest('hex')
    .slice(0, 8)}`;
  // One kernel may be loaded under several numbers.
  const kernels = [...new Map(members.map((member) => [member.id, member])).values()];
  const text = [
    ...ringText(target),
    ...checkPrelude(dialect),
    ...kernels.flatMap((member) => [
      ...deviceFunctions(dialect, member),
      ...checkFunction(dialect, member.kernel, stemOf(member.id)),
    ]),
    ...loop(dialect, entry, members, footprint),
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
    source: [...head, ...preludeFor(dialect, strict, text), ...text, ''].join('\n'),
    entry,
    flags: target === 'opencl' ? openClFlags(strict) : cudaFlags(strict),
    kernels: members.map(({ number }) => number),
    groupSize: footprint.groupSize,
    sharedBytes: footprint.sharedBytes,
  };
}

/** The function that is launched: lane 0 takes, checks and answers entries, all lanes run them. */
function loop(
  dialect: Dialect,
  name: string,
  members: readonly DeviceMember[],
  { groupSize, sharedBytes }: Footprint,
): string[] {
  const { u32, u64 } = dialect.types;
  const { global } = dialect.spaces;
  const { barrier, entryPrefix, sharedPrefix, ids } = deviceOf(dialect);
  const numbers = members.map(({ number }) => number);
  const params = [
    `${global}${dialect.byte}* memory`,
    `${u64} memoryBytes`,
    `${u64} arenaOffset`,
    `${global}${dialect.byte}* rings`,
    `${u32} ringBytes`,
    `${u32} firstRing`,
    `${u32} maxEmptyPolls`,
    `${u32} maxEntries`,
  ];
  const body = [
    '// The entry, what becomes of it (0: the lease ends before it), the number of its case, its violations: for all lanes.',
    `${sharedPrefix} ${u32} entry[16];`,
    `${sharedPrefix} ${u32} verdict;`,
    `${sharedPrefix} ${u32} task;`,
    `${sharedPrefix} ${u32} counted;`,
    ...(sharedBytes === 0 ? [] : [`${sharedPrefix} ${u64} pool[${sharedBytes / 8}];`]),
    `const ${u32} lane = ${ids.localId};`,
    `const ${u32} lanes = ${ids.localSize};`,
    `const ${u32} ringNumber = firstRing + ${ids.groupId};`,
    `${global}${u32}* ring = (${global}${u32}*)(rings + (${u64})ringNumber * ringBytes);`,
    ...leaseState(dialect),
    `${u64} started = 0;`,
    'if (lane == 0) {',
    ...BEGIN_LEASE.map((line) => `  ${line}`),
    '  counted = 0;',
    '}',
    barrier,
    `for (${u32} taken = 0; taken != maxEntries || maxEntries == ${NO_LIMIT}; ++taken) {`,
    '  if (lane == 0) {',
    `    const bool isOurs = gb_ring_await(ring, capacity, position, maxEmptyPolls, &beat, entry) && ${isForLoop(numbers)};`,
    '    verdict = 0;',
    '    task = 0;',
    '    if (isOurs) {',
    '      started = gb_ring_now();',
    '      gb_ring_take(ring, position, &beat);',
    ...judge(dialect, members).map((line) => `      ${line}`),
    '    }',
    '  }',
    `  ${barrier}`,
    '  if (verdict == 0) break;',
    `  ${u64} violations = 0;`,
    `  const ${u64} block = ((${u64})${entryWord('PARAMS_HIGH')} << 32) + ${entryWord('PARAMS_LOW')};`,
    '  switch (task) {',
    ...members.map((member, i) => `    case ${i + 1}u: ${run(dialect, member)} break;`),
    '  }',
    '  if (violations != 0) gb_report_shared(&counted, violations);',
    '  // Everything the lanes wrote is published with the completion.',
    `  ${barrier}`,
    '  if (lane == 0) {',
    '    gb_ring_complete(ring, capacity, position, entry, verdict, counted, gb_ring_now() - started, mode);',
    '    counted = 0;',
    '  }',
    '  ++position;',
    '}',
  ];
  return [`${entryPrefix(groupSize)} ${name}(${params.join(', ')}) {`, ...body.map((line) => `  ${line}`), '}'];
}

/** Sets `verdict`, and `task` where it is to be run, for an entry that is for this loop. */
function judge({ types: { u64 } }: Dialect, members: readonly DeviceMember[]): string[] {
  return [
    `const ${u64} regions = ((${u64})ringNumber + 1u) * lanes;`,
    `if (${entryWord('GENERATION')} != generation) verdict = ${statusText('STALE_GENERATION')};`,
    `else if (${entryWord('GROUP')} != ringNumber) verdict = ${statusText('BAD_RANGE')};`,
    `else switch (${entryWord('KERNEL')}) {`,
    ...members.map(
      ({ number, id }, i) =>
        `  case ${number}u: verdict = ${stemOf(id)}_check(${CHECK_ARGS}); task = ${i + 1}u; break;`,
    ),
    '}',
    `if (verdict != ${statusText('OK')}) task = 0;`,
  ];
}

/** The call of a kernel's share of a lane. */
function run(dialect: Dialect, { id, kernel }: DeviceMember): string {
  const { shared } = dialect.spaces;
  const { offsets } = sharedOffsets(kernel);
  const arrays = kernel.shared.map(
    ({ dtype }, i) => `(${shared}${storageOf(dialect, dtype)}*)(pool + ${(offsets[i] ?? 0) / 8})`,
  );
  const share =
    kernel.workgroup === null ? ['lane', 'lanes', 'ringNumber * lanes + lane'] : ['lane', '0u', '1u', ...arrays];
  const range = [entryWord('FIRST_ITEM'), entryWord('ITEM_COUNT')];
  return `${stemOf(id)}_run(${['memory', 'block', ...range, ...share, '&violations'].join(', ')});`;
}
