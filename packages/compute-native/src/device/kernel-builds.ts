import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { KernelArtifact, KernelDescriptor } from '@gpu-bridge/abstractions';
import type { KernelBuild } from '../host/frames.js';
import type { SharedObjects } from '../libraries/shared-objects.js';

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

/** C++ goes as a shared object, which the compiler makes where it may be run; kept ones need no compilation again. */
export class CppBuilds implements KernelBuilds {
  constructor(
    private readonly deviceId: string,
    private readonly sharedObjects: SharedObjects | undefined,
  ) {}

  async prepare(artifact: KernelArtifact, descriptor: KernelDescriptor): Promise<KernelBuild> {
    if (artifact.target !== 'cpp') throw GpuBridgeError.invalidArgument('artifact.target', artifact.target, 'cpp');
    const { entry, flags, source } = artifact;
    return { entry, flags, source, library: await this.libraryOf(artifact, descriptor) };
  }

  private async libraryOf(
    { source, flags }: { readonly source: string; readonly flags: readonly string[] },
    { name }: KernelDescriptor,
  ): Promise<string> {
    const { sharedObjects } = this;
    if (sharedObjects === undefined) {
      const missing = ['a shared object: set the option native.compiler, for example to g++'];
      const { deviceId } = this;
      throw new GpuBridgeError(
        'KERNEL_REFUSED',
        { kernel: name, deviceId, missing },
        `${deviceId} cannot run ${name}: no C++ compiler may be run for it; ${missing[0]}`,
      );
    }
    try {
      return await sharedObjects.build({ source, flags });
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
