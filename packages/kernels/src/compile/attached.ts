import type { CompileOptions, CompiledKernel, KernelDefinition } from '@gpu-bridge/abstractions';
import { declarationHash } from './definition-hash.js';
import { answers, flawOf, unpackKernel } from './packed-kernel.js';
import type { PackedKernel } from './packed-kernel.js';

// Beside the definitions, which stay plain data. The text is read when the kernel is compiled.
const attached = new WeakMap<object, string>();

/**
 * Gives a definition what was compiled from it at build time; the bundler plugin writes calls of this. `packed` is a JSON
 * array with a {@link PackedKernel} for each kernel that the defining call made. Returns the definition.
 */
export function attachArtifacts<K extends KernelDefinition>(definition: K, packed: string): K {
  attached.set(definition, packed);
  return definition;
}

/**
 * The kernel as compiled at build time: where the definition has it, for this version of the intermediate form, from the
 * same parameters, constants and options, and with the targets that are asked for. Nothing is parsed for it.
 */
export function attachedKernel(definition: KernelDefinition, options: CompileOptions): CompiledKernel | undefined {
  const text = attached.get(definition);
  if (text === undefined) return undefined;
  const source = declarationHash(definition);
  const packed = (JSON.parse(text) as PackedKernel[]).find((candidate) => candidate.source === source);
  if (packed === undefined || !answers(packed, options) || flawOf(packed) !== undefined) return undefined;
  return unpackKernel(packed);
}
