import { GpuBridgeError, Tokens } from '@gpu-bridge/abstractions';
import type { GpuBridge, GpuBridgeOptions, KernelDefinition } from '@gpu-bridge/abstractions';
import { CapturedJobs, readJob, replayJob } from '@gpu-bridge/audit';
import type { ReplayReport } from '@gpu-bridge/audit';
import { addGpuBridge, folderDatasetSource } from '@gpu-bridge/hosting';
import { createKernelCompiler } from '@gpu-bridge/kernels';
import { loadKernels } from '@gpu-bridge/kernels/aot';
import { Container } from 'inversify';

export interface ReplayRequest {
  readonly folder: string;
  readonly jobId: string;
  /** Module that defines the kernel. */
  readonly kernels: string;
  readonly backend: keyof typeof BACKENDS;
  readonly device: string | undefined;
  readonly datasetFolder: string | undefined;
  readonly allowsOtherVersion: boolean;
  readonly json: boolean;
}

const COMPILER = process.env['CXX'] ?? 'g++';
const BACKENDS = {
  cpu: {},
  'cpu-native': { cpu: false, native: { cpu: true, compiler: COMPILER } },
  opencl: { cpu: false, native: { opencl: true } },
} as const satisfies Readonly<Record<string, GpuBridgeOptions>>;

/** Runs a job of a log again, on a bridge of its own. */
export async function replayFromLog(request: ReplayRequest): Promise<{ text: string; identical: boolean }> {
  const { folder, jobId, backend, device, datasetFolder, allowsOtherVersion, json } = request;
  const job = readJob(folder, jobId);
  const definition = await findKernel(request.kernels, job.header.kernel);
  const container = new Container();
  const host = addGpuBridge(container, { ...BACKENDS[backend], kernels: [definition] });
  const captured = new CapturedJobs();
  container.bind(Tokens.JobRecorder).toConstantValue(captured);
  await host.start();
  try {
    const kernel = container.get<GpuBridge>(Tokens.GpuBridge).getKernel(definition.name);
    const datasets = datasetFolder === undefined ? undefined : folderDatasetSource(datasetFolder);
    const hints = device === undefined ? {} : { preferredDevice: device };
    const report = await replayJob({ job, kernel, captured, hints, datasets, allowsOtherVersion });
    return { text: json ? jsonOf(report) : textOf(report), identical: report.identical };
  } finally {
    await host.stop();
  }
}

/** The kernel of the recorded id, else the one of its name, which is another version. */
async function findKernel(file: string, id: string): Promise<KernelDefinition> {
  const { kernels } = await loadKernels([file]);
  const compiler = createKernelCompiler();
  const name = id.slice(0, id.lastIndexOf('@'));
  const named = kernels.filter(({ definition }) => definition.name === name).map(({ definition }) => definition);
  const found = named.find((definition) => compiler.compile(definition).descriptor.id === id) ?? named[0];
  if (found !== undefined) return found;
  const known = kernels.map(({ definition }) => definition.name);
  throw new GpuBridgeError(
    'KERNEL_NOT_FOUND',
    { kernel: id, known },
    `${file} defines no kernel ${name}; it has ${known.join(', ') || 'none'}`,
  );
}

function jsonOf({ identical, result, differences }: ReplayReport): string {
  const { outcome, deviceId, executionMode, error } = result;
  const failure = error === undefined ? {} : { error: { code: error.code, message: error.message } };
  return JSON.stringify({ identical, outcome, ...failure, device: deviceId, executionMode, differences }, null, 2);
}

function textOf({ identical, result, differences }: ReplayReport): string {
  if (identical) return `identical, on ${result.deviceId}`;
  if (result.error !== undefined) return `the replay on ${result.deviceId} ${result.outcome}: ${result.error.message}`;
  const lines = differences.flatMap(({ column, recorded, replayed, elements }) => [
    `${column}: recorded ${recorded.bytes} bytes sha256:${recorded.digest}, replayed ${replayed.bytes} bytes sha256:${replayed.digest}`,
    ...elements.map(
      (at) => `  ${column}[${at.element}]: recorded ${at.recorded ?? 'none'}, replayed ${at.replayed ?? 'none'}`,
    ),
  ]);
  return [`different, on ${result.deviceId}`, ...lines].join('\n');
}
