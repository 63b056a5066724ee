import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { KernelDefinition, KernelId, KernelTarget } from '@gpu-bridge/abstractions';
import { linkCppMegaKernel, linkMegaKernels } from '../emit/c/mega/mega-kernel.js';
import type { DeviceMember, HostMember, MegaKernel } from '../emit/c/mega/mega-kernel.js';
import { hashIr } from '../ir/print.js';
import { toCpuForm } from '../passes/cpu-form/to-cpu-form.js';
import { buildIr, cppFormOf, forDevice } from './kernel-compiler.js';

/** A kernel of a mega-kernel: its number in the rings, and what it is. */
export interface MegaMember {
  readonly number: number;
  readonly definition: KernelDefinition;
}

/**
 * Links kernels into resident loops over rings: for devices one per footprint, for C++ one.
 *
 * @throws GpuBridgeError `KERNEL_BUILD_FAILED`, and `INVALID_ARGUMENT` for a raw kernel without a text for the target.
 */
export function compileMegaKernels(members: readonly MegaMember[], target: MegaKernel['target']): MegaKernel[] {
  if (target === 'cpp') return [linkCppMegaKernel(members.map(hostMember))];
  return linkMegaKernels(
    members.map((member) => deviceMember(member, target)),
    target,
  );
}

function hostMember({ number, definition }: MegaMember): HostMember {
  if (definition.raw !== undefined) throw noText(definition, 'cpp');
  const kernel = buildIr(definition);
  const cpu = toCpuForm(kernel);
  const form = cppFormOf(kernel, cpu, 'auto');
  if ('reason' in form) throw new Error(form.reason);
  return { number, id: `${kernel.name}@${hashIr(kernel)}`, ...form };
}

function deviceMember({ number, definition }: MegaMember, target: 'opencl' | 'cuda'): DeviceMember {
  const kernel = buildIr(definition);
  const id: KernelId = `${kernel.name}@${hashIr(kernel, definition.raw)}`;
  if (definition.raw === undefined) return { number, id, kernel: forDevice(kernel) };
  const raw = definition.raw[target];
  if (raw === undefined) throw noText(definition, target);
  return { number, id, kernel, raw };
}

function noText({ name }: KernelDefinition, target: KernelTarget): GpuBridgeError {
  return GpuBridgeError.invalidArgument('members', name, `kernels of the language, or with a text for ${target}`);
}
