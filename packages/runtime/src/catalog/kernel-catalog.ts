import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  CompileOptions,
  CompiledKernel,
  KernelCompiler,
  KernelDefinition,
  KernelDescriptor,
  KernelId,
  KernelTarget,
  LinkedKernels,
  LinkMember,
  LinkTarget,
} from '@gpu-bridge/abstractions';

/** The silo's kernels: from name, id or definition to descriptor and artifacts. */
export class KernelCatalog {
  private readonly byName = new Map<string, CompiledKernel>();
  private readonly byId = new Map<string, CompiledKernel>();
  private readonly byDefinition = new Map<KernelDefinition, CompiledKernel>();
  private readonly definitions = new Map<KernelId, KernelDefinition>();

  constructor(private readonly compiler: KernelCompiler) {}

  /**
   * Compiles a kernel and makes it known.
   *
   * @param targets - what devices there are can load; the compiler's own choice where that has them all.
   * @throws GpuBridgeError `KERNEL_BUILD_FAILED`, `INVALID_ARGUMENT` for a name that is taken.
   */
  register(definition: KernelDefinition, targets: readonly KernelTarget[] = []): CompiledKernel {
    if (this.byName.has(definition.name))
      throw GpuBridgeError.invalidArgument('kernel', definition.name, 'a name no other kernel has');
    const compiled = this.compiler.compile(definition, compileOptions(targets));
    this.byName.set(definition.name, compiled);
    this.byId.set(compiled.descriptor.id, compiled);
    this.byDefinition.set(definition, compiled);
    this.definitions.set(compiled.descriptor.id, definition);
    return compiled;
  }

  /**
   * How a device links the kernels that it has loaded into resident loops; undefined where the compiler links none.
   *
   * @param loaded - the kernels, by their numbers on that device.
   */
  linker(
    loaded: Iterable<{ readonly kernelNumber: number; readonly descriptor: KernelDescriptor }>,
  ): ((target: LinkTarget) => LinkedKernels) | undefined {
    const { compiler } = this;
    if (compiler.link === undefined) return undefined;
    const members: LinkMember[] = [];
    for (const { kernelNumber, descriptor } of loaded)
      members.push({ number: kernelNumber, definition: this.definitions.get(descriptor.id)! });
    return (target) => compiler.link!(members, target);
  }

  /** @throws GpuBridgeError `KERNEL_NOT_FOUND`; its details list what is known. */
  get(wanted: string | KernelDefinition): CompiledKernel {
    if (typeof wanted !== 'string' && typeof wanted?.name !== 'string') {
      throw GpuBridgeError.invalidArgument(
        'kernel',
        wanted,
        'a name, an id or a kernel made by mapKernel or gridKernel',
      );
    }
    const found =
      typeof wanted === 'string' ? (this.byName.get(wanted) ?? this.byId.get(wanted)) : this.byDefinition.get(wanted);
    if (found !== undefined) return found;
    const name = typeof wanted === 'string' ? wanted : wanted.name;
    const known = [...this.byName.keys()];
    throw new GpuBridgeError(
      'KERNEL_NOT_FOUND',
      { kernel: name, known },
      `kernel ${name} is not registered; name it in addGpuBridge(…, { kernels }). Known: ${known.join(', ') || 'none'}`,
    );
  }

  descriptors(): readonly KernelDescriptor[] {
    return [...this.byName.values()].map(({ descriptor }) => descriptor);
  }
}

const DEFAULT_TARGETS: readonly KernelTarget[] = ['wasm', 'js'];

/** Beyond the defaults of a compiler only what somebody loads; what a build has attached answers for the defaults. */
function compileOptions(targets: readonly KernelTarget[]): CompileOptions | undefined {
  const wanted = [...new Set(targets)];
  return wanted.every((target) => DEFAULT_TARGETS.includes(target)) ? undefined : { targets: wanted };
}
