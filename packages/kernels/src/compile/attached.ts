import type { CompileOptions, CompiledKernel, KernelDefinition } from '@gpu-bridge/abstractions';
import { declarationHash } from './definition-hash.js';
import { loadFromFolder } from './load-compiled-kernel.js';
import type { KernelOfFolder } from './load-compiled-kernel.js';
import { answers, flawOf, unpackKernel } from './packed-kernel.js';
import type { PackedKernel } from './packed-kernel.js';

// Beside the definitions, which stay plain data. A text is read when the kernel is compiled.
const attached = new WeakMap<object, string | KernelOfFolder>();

/**
 * Gives a definition what was compiled from it at build time; the bundler plugin writes calls of this. `packed` is a JSON
 * array with a {@link PackedKernel} for each kernel that the defining call made. Returns the definition.
 */
export function attachArtifacts<K extends KernelDefinition>(definition: K, packed: string): K {
  attached.set(definition, packed);
  return definition;
}

/**
 * Gives a definition what `gpu-bridge compile` made of it: the kernel of its name and declaration in the folder that the
 * command wrote, with its shared object where this machine can run that. Files are read and checked now. Bodies are not
 * compared: compile again when one changes. Where a target is asked for that the folder lacks, the body is compiled for all,
 * as ever. Returns the definition.
 *
 * @throws GpuBridgeError `KERNEL_ARTIFACT_INVALID` where the folder has no such kernel, or files of it are missing,
 *   changed, or of another version: compile again.
 */
export function attachCompiled<K extends KernelDefinition>(definition: K, folder: string): K {
  attached.set(definition, loadFromFolder(folder, definition.name, declarationHash(definition)));
  return definition;
}

/**
 * The kernel as compiled at build time: where the definition has it, for this version of the intermediate form, from the
 * same parameters, constants and options, and with the targets that are asked for. Nothing is parsed for it.
 */
export function attachedKernel(definition: KernelDefinition, options: CompileOptions): CompiledKernel | undefined {
  const given = attached.get(definition);
  if (given === undefined) return undefined;
  if (typeof given !== 'string') return answers(given.manifest, options) ? given.kernel : undefined;
  const source = declarationHash(definition);
  const packed = (JSON.parse(given) as PackedKernel[]).find((candidate) => candidate.source === source);
  if (packed === undefined || !answers(packed, options) || flawOf(packed) !== undefined) return undefined;
  return unpackKernel(packed);
}
