import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  ComputeBackend,
  ComputeDevice,
  DeviceDescription,
  Logger,
  ResolvedNativeOptions,
} from '@gpu-bridge/abstractions';

const PACKAGE = '@gpu-bridge/compute-native';

/** Names of the native backends that the options ask for. */
export function nativeBackendNames({ cpu, opencl }: ResolvedNativeOptions): readonly string[] {
  return [...(cpu === false ? [] : ['cpu-native']), ...(opencl === false ? [] : ['opencl'])];
}

/**
 * A backend of compute-native, which is loaded only when devices are looked for: hosts that ask for no native device need
 * not have the package.
 */
export class LazyNativeBackend implements ComputeBackend {
  private loading: Promise<ComputeBackend> | undefined;
  private loaded: ComputeBackend | undefined;

  constructor(
    readonly name: string,
    private readonly options: ResolvedNativeOptions,
    private readonly logger: Logger,
  ) {}

  get absence(): string | undefined {
    return this.loaded?.absence;
  }

  /** @throws GpuBridgeError `BACKEND_UNAVAILABLE` where the package is not installed: asking for its devices is a mistake then. */
  async discover(): Promise<readonly DeviceDescription[]> {
    return (await this.load()).discover();
  }

  async open(deviceId: string): Promise<ComputeDevice> {
    return (await this.load()).open(deviceId);
  }

  private load(): Promise<ComputeBackend> {
    this.loading ??= this.loadPackage();
    return this.loading;
  }

  private async loadPackage(): Promise<ComputeBackend> {
    const { createNativeBackends } = await import('@gpu-bridge/compute-native').catch((cause: unknown) => {
      if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
      const reason = `the option native asks for ${this.name}, which needs the package ${PACKAGE}: npm install ${PACKAGE}`;
      throw new GpuBridgeError('BACKEND_UNAVAILABLE', { backend: this.name, reason }, reason, { cause });
    });
    this.loaded = createNativeBackends(this.options, this.logger).find(({ name }) => name === this.name)!;
    return this.loaded;
  }
}
