import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  CompileOptions,
  CompiledKernel,
  KernelCompiler,
  KernelDefinition,
  KernelTarget,
} from '@gpu-bridge/abstractions';
import { ArtifactCache } from './artifact-cache.js';
import { attachedKernel } from './attached.js';
import { compilerBuild } from './compiler-version.js';
import { contentHash } from './definition-hash.js';
import { compileKernel } from './kernel-compiler.js';
import { linkDefinitions } from './link-definitions.js';
import { flawOf, packKernel, unpackKernel } from './packed-kernel.js';

export interface CompilerOptions {
  /**
   * Folder that keeps compiled kernels between processes, so that a kernel which has not changed is not parsed again.
   * It is made where it does not exist. None by default.
   */
  readonly cacheFolder?: string;
  /** Size beyond which the entries of the cache folder that were not used for longest are removed; default 256 MiB. */
  readonly cacheBytes?: number;
}

/**
 * Compiles definitions, or gives what a build or an earlier process has compiled from them.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for a cache folder that cannot be made.
 */
export function createKernelCompiler({ cacheFolder, cacheBytes }: CompilerOptions = {}): Required<KernelCompiler> {
  const cache = cacheFolder === undefined ? undefined : new ArtifactCache(cacheFolder, cacheBytes);
  return {
    compile: (definition, options = {}) => {
      checkRequest(definition, options);
      return (
        attachedKernel(definition, options) ??
        (cache ? compileThrough(cache, definition, options) : compileKernel(definition, options))
      );
    },
    link: linkDefinitions,
  };
}

function compileThrough(cache: ArtifactCache, definition: KernelDefinition, options: CompileOptions): CompiledKernel {
  const key = contentHash(definition, compilerBuild(), JSON.stringify(options));
  const kept = cache.get(key);
  if (kept !== undefined && flawOf(kept) === undefined) return unpackKernel(kept);
  const compiled = compileKernel(definition, options);
  cache.set(key, packKernel(definition, compiled, options));
  return compiled;
}

const TARGETS: readonly KernelTarget[] = ['wasm', 'js', 'cpp', 'opencl', 'cuda'];
const SIMD: readonly CompileOptions['simd'][] = ['auto', 'never', 'always', undefined];

/** What callers without types get wrong. */
function checkRequest({ kind }: KernelDefinition, { targets = [], simd }: CompileOptions): void {
  if (kind !== 'map' && kind !== 'grid')
    throw GpuBridgeError.invalidArgument('definition', kind, 'a kernel made by mapKernel, gridKernel or raw');
  const unknown = targets.find((target) => !TARGETS.includes(target));
  if (unknown !== undefined)
    throw GpuBridgeError.invalidArgument('options.targets', unknown, `one of ${TARGETS.join(', ')}`);
  if (!SIMD.includes(simd)) throw GpuBridgeError.invalidArgument('options.simd', simd, 'auto, never or always');
}
