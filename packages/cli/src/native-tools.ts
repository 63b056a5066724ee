import { spawnSync } from 'node:child_process';
import type { KernelTarget } from '@gpu-bridge/abstractions';
import { nativeBaseline } from '@gpu-bridge/kernels/aot';
import type { NativeBaseline } from '@gpu-bridge/kernels/aot';

/** A compiler of this machine that goes on from an artifact. */
export interface NativeTool {
  readonly from: 'cpp' | 'cuda';
  readonly kind: 'shared-object' | 'ptx';
  readonly platform: string;
  readonly extension: string;
  readonly command: string;
  readonly version: string;
  readonly args: (source: string, flags: readonly string[], result: string) => string[];
}

/** Oldest GPUs that current CUDA still builds for; newer ones run its PTX. */
const CUDA_ARCHITECTURE = 'compute_75';

/** The compilers that this machine has for the targets. */
export function findTools(targets: readonly KernelTarget[]): NativeTool[] {
  return [cppCompiler, cudaCompiler].flatMap((find) => {
    const tool = find();
    return tool && targets.includes(tool.from) ? [tool] : [];
  });
}

function cppCompiler(): NativeTool | undefined {
  const baseline = nativeBaseline({ os: process.platform, arch: process.arch });
  if (baseline === undefined) return undefined;
  for (const command of [process.env['CXX'], 'c++', 'g++', 'clang++']) {
    const version = command && versionOf(command);
    if (version) return sharedObjectTool(command, version, baseline);
  }
  return undefined;
}

/** Builds for every processor of the baseline, whichever one the flags of an artifact name: the results are the same. */
export function sharedObjectTool(command: string, version: string, baseline: NativeBaseline): NativeTool {
  const { platform, march } = baseline;
  return {
    ...{ from: 'cpp', kind: 'shared-object', platform, extension: `${platform}.so`, command, version },
    args: (source, flags, result) => [
      ...flags.filter((flag) => !flag.startsWith('-march=')),
      ...[`-march=${march}`, '-shared', '-fPIC', '-o', result, source],
    ],
  };
}

function cudaCompiler(): NativeTool | undefined {
  const version = versionOf('nvcc');
  if (!version) return undefined;
  return {
    ...{ from: 'cuda', kind: 'ptx', platform: CUDA_ARCHITECTURE, extension: `${CUDA_ARCHITECTURE}.ptx` },
    ...{ command: 'nvcc', version },
    args: (source, flags, result) => [...flags, '-ptx', `-arch=${CUDA_ARCHITECTURE}`, '-o', result, source],
  };
}

/** The line of `--version` that has the number. */
function versionOf(command: string): string | undefined {
  const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  if (status !== 0) return undefined;
  return stdout
    .split('\n')
    .find((line) => /\d+\.\d+/.test(line))
    ?.trim();
}

/** Runs a tool. @throws Error with what it printed. */
export function runTool(tool: NativeTool, source: string, flags: readonly string[], result: string): void {
  const args = tool.args(source, flags, result);
  const { status, stderr, error } = spawnSync(tool.command, args, { encoding: 'utf8' });
  if (error) throw error;
  if (status !== 0) throw new Error(`${tool.command} ${args.join(' ')}\n${stderr}`);
}
