import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { KernelId, LinkMember, LinkTarget, LinkedKernels } from '@gpu-bridge/abstractions';
import { linkKernels } from '../emit/c/linked/link-kernels.js';
import type { DeviceMember } from '../emit/c/linked/link-kernels.js';
import { hashIr } from '../ir/print.js';
import { buildIr, forDevice } from './kernel-compiler.js';

/**
 * Links kernels into resident loops.
 *
 * @throws GpuBridgeError `KERNEL_BUILD_FAILED`, also for a raw kernel without a text for the target.
 */
export function linkDefinitions(members: readonly LinkMember[], target: LinkTarget): LinkedKernels {
  return linkKernels(
    members.map((member) => deviceMember(member, target)),
    target,
  );
}

function deviceMember({ number, definition }: LinkMember, target: LinkTarget): DeviceMember {
  const kernel = buildIr(definition);
  const id: KernelId = `${kernel.name}@${hashIr(kernel, definition.raw)}`;
  if (definition.raw === undefined) return { number, id, kernel: forDevice(kernel) };
  const raw = definition.raw[target];
  if (raw === undefined) {
    const details = { kernel: definition.name, diagnostics: [] };
    throw new GpuBridgeError('KERNEL_BUILD_FAILED', details, `${definition.name} has no text for ${target} to link`);
  }
  return { number, id, kernel, raw };
}
