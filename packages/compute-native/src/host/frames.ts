import { createHash } from 'node:crypto';
import { leastLengths, sizeOf } from '@gpu-bridge/abstractions';
import type { ArgumentSlot, KernelDescriptor, KernelParams, LeastLength, LinkedKernel } from '@gpu-bridge/abstractions';

/** What the silo writes to a device host; native/README.md "Frames". */
export interface Frame {
  readonly verb: 'kernel' | 'link' | 'seal' | 'go';
  readonly payload: string;
}

export const SEAL: Frame = { verb: 'seal', payload: '' };

/** Begins to serve, in this generation, with all that was written before. */
export function goFrame(generation: number): Frame {
  return { verb: 'go', payload: String(generation) };
}

export function encodeFrame({ verb, payload }: Frame): Buffer {
  const bytes = Buffer.from(payload, 'utf8');
  return Buffer.concat([Buffer.from(`${verb} ${bytes.length}\n`), bytes]);
}

/** What the host builds a kernel from: text, or a shared object that exists already. */
export interface KernelBuild {
  readonly entry: string;
  readonly flags: readonly string[];
  readonly source: string;
  /** Path of a shared object; the text is then not sent. */
  readonly library?: string;
}

export function kernelFrame(number: number, descriptor: KernelDescriptor, build: KernelBuild): Frame {
  const { id, kind, workgroup, params, layout } = descriptor;
  const least = leastLengths(descriptor, layout.slots);
  const flags = build.flags.join(' ');
  const head = [
    `number ${number}`,
    `id ${id}`,
    `kind ${kind}`,
    ...(workgroup === null ? [] : [`workgroup ${workgroup.join(' ')}`]),
    `entry ${build.entry}`,
    `flags ${flags}`,
    ...(build.library === undefined ? [] : [`library ${build.library}`]),
    `fingerprint ${fingerprint(build.source, flags)}`,
    ...layout.slots.map((slot, i) => slotLine(slot, params, least[i]!)),
  ];
  return { verb: 'kernel', payload: withHead(head, build.library === undefined ? build.source : '') };
}

export function linkFrame({ source, entry, flags, kernels, groupSize, sharedBytes }: LinkedKernel): Frame {
  const joined = flags.join(' ');
  const head = [
    `entry ${entry}`,
    `flags ${joined}`,
    `kernels ${kernels.join(' ')}`,
    `group_size ${groupSize ?? 'any'}`,
    `shared_bytes ${sharedBytes}`,
    `fingerprint ${fingerprint(source, joined)}`,
  ];
  return { verb: 'link', payload: withHead(head, source) };
}

function slotLine(slot: ArgumentSlot, params: KernelParams, { times, of, plus }: LeastLength): string {
  return `slot ${slot.part} ${sizeOf(slot.dtype)} ${accessOf(slot, params)} ${times} ${of} ${plus}`;
}

/** How a kernel uses what the slot points at. */
function accessOf({ param, part }: ArgumentSlot, params: KernelParams): 'in' | 'out' | 'inout' {
  if (part === 'uniform' || part === 'offsets') return 'in';
  if (part === 'scratch' || part === 'workspace') return 'inout';
  const { role } = params[param]!;
  if (role === 'input') return 'in';
  return role === 'output' ? 'out' : 'inout';
}

function fingerprint(source: string, flags: string): string {
  return createHash('sha256').update(source).update('\0').update(flags).digest('hex');
}

function withHead(lines: readonly string[], text: string): string {
  return `${lines.join('\n')}\n\n${text}`;
}
