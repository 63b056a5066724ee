// The example of docs/KERNELS.md "Ahead of time"; tests/integration/native-compiled.test.ts runs it.
// --8<-- [start:compiled]
import { Tokens } from '@gpu-bridge/abstractions';
import type { KernelCompiler } from '@gpu-bridge/abstractions';
import { loadCompiledKernel } from '@gpu-bridge/kernels';
import type { Container } from 'inversify';

/** Between `addGpuBridge` and the start: takes kernels from their manifests, by name, and compiles the others. */
export function useCompiledKernels(container: Container, manifests: readonly string[]): void {
  const compiled = new Map(
    manifests.map((path) => {
      const kernel = loadCompiledKernel(path);
      return [kernel.descriptor.name, kernel];
    }),
  );
  const compiler = container.get<KernelCompiler>(Tokens.KernelCompiler);
  container.rebind<KernelCompiler>(Tokens.KernelCompiler).toConstantValue({
    ...compiler,
    compile: (definition, options) => compiled.get(definition.name) ?? compiler.compile(definition, options),
  });
}
// --8<-- [end:compiled]
