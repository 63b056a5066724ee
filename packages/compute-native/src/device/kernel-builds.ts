import { isAbsolute } from 'node:path';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { KernelArtifact, KernelDescriptor } from '@gpu-bridge/abstractions';
import type { KernelBuild } from '../host/frames.js';
import type { CppText, SharedObjects } from '../libraries/shared-objects.js';

/** Turns artifacts into what a device host can load. */
export interface KernelBuilds {
  /** @throws GpuBridgeError `KERNEL_REFUSED`, `KERNEL_BUILD_FAILED`, `INVALID_ARGUMENT` for an artifact of another target. */
  prepare(artifact: KernelArtifact, descriptor: KernelDescriptor): Promise<KernelBuild>;
}

/** OpenCL C goes to the host as it is: the driver there compiles it. */
export const openClBuilds: KernelBuilds = {
  prepare(artifact) {
    if (artifact.target !== 'opencl')
      return Promise.reject(GpuBridgeError.invalidArgument('artifact.target', artifact.target, 'opencl'));
    const { entry, flags, source } = artifact;
    return Promise.resolve({ entry, flags, source });
  },
};

/**
 * Beside an artifact's flags, which ask for this very processor: without AVX-512. Vectors of ours have eight lanes, and where it is
 * there, g++ 12 keeps integers in vector registers: Mandelbrot takes 14.8 instead of 12.7 ms, the journal kernel 66 instead of 60.
 */
const PROCESSOR_FLAGS: readonly string[] = process.arch === 'x64' ? ['-mno-avx512f'] : [];

/**
 * C++ goes as a shared object: the one that the artifact brings, else what the compiler makes where it may be run; kept ones
 * need no compilation again. The cache folder must be private, since anybody could foresee the names in it; who may write one
 * that is brought is not asked: it is part of the application, as the JavaScript that names it.
 */
export class CppBuilds implements KernelBuilds {
  constructor(
    private readonly deviceId: string,
    private readonly sharedObjects: SharedObjects | undefined,
  ) {}

  async prepare(artifact: KernelArtifact, descriptor: KernelDescriptor): Promise<KernelBuild> {
    if (artifact.target !== 'cpp') throw GpuBridgeError.invalidArgument('artifact.target', artifact.target, 'cpp');
    const { entry, flags, source, library } = artifact;
    if (library === undefined)
      return { entry, flags, source, library: await this.compile({ source, flags }, descriptor) };
    // A line of a frame, and dlopen looks for a bare name elsewhere.
    if (!isAbsolute(library) || library.includes('\n'))
      throw GpuBridgeError.invalidArgument('artifact.library', library, 'an absolute path on one line');
    return { entry, flags, source, library };
  }

  private async compile({ source, flags }: CppText, { name }: KernelDescriptor): Promise<string> {
    const { sharedObjects } = this;
    if (sharedObjects === undefined) {
      const { deviceId } = this;
      const missing = [
        'a shared object for this machine: compile the kernel ahead of time with gpu-bridge compile, ' +
          'or set the option native.compiler, for example to g++',
      ];
      throw new GpuBridgeError(
        'KERNEL_REFUSED',
        { kernel: name, deviceId, missing },
        `${deviceId} cannot run ${name}: no C++ compiler may be run for it, and it lacks ${missing[0]}`,
      );
    }
    try {
      return await sharedObjects.build({ source, flags: [...flags, ...PROCESSOR_FLAGS] });
    } catch (cause) {
      throw buildFailed(name, cause instanceof Error ? cause.message : String(cause), cause);
    }
  }
}

/** Characters of a build log that an error repeats. */
const MOST_LOG_CHARACTERS = 16_384;

export function buildFailed(kernel: string, log: string, cause?: unknown): GpuBridgeError<'KERNEL_BUILD_FAILED'> {
  const message = log.length > MOST_LOG_CHARACTERS ? `${log.slice(0, MOST_LOG_CHARACTERS)} …` : log;
  const diagnostics = [{ rule: 'device-compiler', message, file: `kernel ${kernel}`, line: 1, column: 1 }];
  return new GpuBridgeError('KERNEL_BUILD_FAILED', { kernel, diagnostics }, `${kernel}: ${message}`, { cause });
}
