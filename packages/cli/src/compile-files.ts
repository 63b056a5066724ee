import { relative } from 'node:path';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { CompiledKernel, KernelTarget } from '@gpu-bridge/abstractions';
import { createKernelCompiler } from '@gpu-bridge/kernels';
import { loadKernels, packKernel } from '@gpu-bridge/kernels/aot';
import { findTools } from './native-tools.js';
import { writeIndex, writeKernel } from './write-kernel.js';
import type { WrittenKernel } from './write-kernel.js';

export interface CompileResult {
  readonly targets: readonly KernelTarget[];
  readonly kernels: readonly WrittenKernel[];
  /** Findings as `file:line:column rule: message`, and what else went wrong. */
  readonly messages: readonly string[];
}

/** Compiles every kernel that the files define into folders under `out`. Findings do not stop the other kernels. */
export async function compileFiles(
  files: readonly string[],
  out: string,
  targets: readonly KernelTarget[],
): Promise<CompileResult> {
  const messages: string[] = [];
  const guard = <T>(step: () => T): T | undefined => {
    try {
      return step();
    } catch (e) {
      messages.push(...messagesOf(e));
      return undefined;
    }
  };
  const loaded = await loadKernels(files).catch((e: unknown) => {
    messages.push(...messagesOf(e));
    return undefined;
  });
  if (loaded?.kernels.length === 0) messages.push(`no kernels in ${files.map(shown).join(', ')}`);
  const compiler = createKernelCompiler();
  const compiled = new Map<string, { readonly kernel: CompiledKernel; readonly write: () => WrittenKernel }>();
  const tools = findTools(targets);
  for (const { definition } of loaded?.kernels ?? []) {
    const kernel = guard(() => compiler.compile(definition, { targets }));
    if (kernel === undefined) continue;
    const packed = packKernel(definition, kernel, { targets });
    // The same kernel made twice is one.
    compiled.set(kernel.descriptor.id, { kernel, write: () => writeKernel(out, packed, tools) });
  }
  const kernels = [...compiled.values()].flatMap(({ write }) => guard(write) ?? []);
  if (kernels.length > 0) writeIndex(out, kernels);
  // Kernels that share a body or a helper share its findings.
  return { targets, kernels, messages: [...new Set(messages)] };
}

function messagesOf(e: unknown): string[] {
  if (!GpuBridgeError.is(e, 'KERNEL_BUILD_FAILED')) throw e;
  return e.details.diagnostics.map(
    ({ file, line, column, rule, message }) => `${shown(file)}:${line}:${column} ${rule}: ${message}`,
  );
}

/** Relative where that is shorter; a kernel whose file is not known has a label instead of a path. */
function shown(file: string): string {
  const path = relative(process.cwd(), file);
  return file.startsWith('/') && path.length < file.length ? path : file;
}
