import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { CompileOptions, KernelDiagnostic } from '@gpu-bridge/abstractions';
import { createKernelCompiler } from '@gpu-bridge/kernels';
import { SourceModule, loadKernels, packKernel } from '@gpu-bridge/kernels/aot';
import MagicString from 'magic-string';

export interface GpuBridgeOptions extends CompileOptions {
  /** Specifiers that kernels import the authoring functions from; default `@gpu-bridge/kernels`. */
  readonly modules?: readonly string[];
}

const ATTACH = '__gpuBridgeAttach';
const KERNELS = '@gpu-bridge/kernels';

export interface AttachedModule {
  readonly code: string;
  readonly map: ReturnType<MagicString['generateMap']>;
  /** Files that decide what the kernels are; the module is out of date when one of them changes. */
  readonly files: readonly string[];
}

/**
 * A module whose kernels carry what they compile to; undefined for a module that defines none. Runs the top level of the
 * module and of what it imports.
 *
 * @throws GpuBridgeError `KERNEL_BUILD_FAILED` with the findings of all kernels of the module.
 */
export async function attachCompiled(
  code: string,
  file: string,
  { modules = [KERNELS], ...options }: GpuBridgeOptions,
): Promise<AttachedModule | undefined> {
  if (!modules.some((name) => code.includes(name))) return undefined;
  const source = new SourceModule(file, code, new Set(modules));
  if (source.calls.length === 0) return undefined;
  const { kernels, files } = await loadKernels([file], { modules, texts: new Map([[file, code]]) });
  const compiler = createKernelCompiler();
  const edited = new MagicString(code);
  // By text, because kernels that share a body share its findings.
  const findings = new Map<string, KernelDiagnostic>();
  for (const [index, { start, end }] of source.calls.entries()) {
    const own = kernels.filter((kernel) => kernel.file === file && kernel.call === index);
    if (own.length === 0) continue; // a helper, or a kernel that no top level makes
    try {
      const packed = own.map(({ definition }) =>
        packKernel(definition, compiler.compile(definition, options), options),
      );
      edited.prependRight(start, `${ATTACH}(`);
      edited.appendLeft(end, `, ${JSON.stringify(JSON.stringify(packed))})`);
    } catch (e) {
      if (!GpuBridgeError.is(e, 'KERNEL_BUILD_FAILED')) throw e;
      for (const found of e.details.diagnostics) {
        const { file, line, column, rule, message } = found;
        findings.set(`${file}:${line}:${column} ${rule}: ${message}`, found);
      }
    }
  }
  if (findings.size > 0) {
    const diagnostics = [...findings.values()];
    throw new GpuBridgeError('KERNEL_BUILD_FAILED', { kernel: file, diagnostics }, [...findings.keys()].join('\n'));
  }
  if (!edited.hasChanged()) return undefined;
  // At the end, where it moves no line.
  edited.append(`\nimport { attachArtifacts as ${ATTACH} } from ${JSON.stringify(KERNELS)};\n`);
  return {
    code: edited.toString(),
    map: edited.generateMap({ source: file, includeContent: true, hires: true }),
    files,
  };
}
