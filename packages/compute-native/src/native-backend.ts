import { join } from 'node:path';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  ComputeBackend,
  DeviceDescription,
  ExecutionMode,
  KernelTarget,
  LinkTarget,
  Logger,
  ResolvedNativeDeviceOptions,
  ResolvedNativeOptions,
} from '@gpu-bridge/abstractions';
import { loadAddon } from './addon/load-addon.js';
import { findBinaries } from './binaries/find-binaries.js';
import type { NativeBinaries } from './binaries/find-binaries.js';
import { CppBuilds, openClBuilds } from './device/kernel-builds.js';
import type { KernelBuilds } from './device/kernel-builds.js';
import { NativeDevice } from './device/native-device.js';
import { REGION_FD } from './host/host-process.js';
import { probeDevices } from './host/probe.js';
import type { ProbeResult, ProbedDevice } from './host/probe.js';
import { defaultCacheFolder, privateFolder } from './libraries/cache-folder.js';
import { SharedObjects } from './libraries/shared-objects.js';
import { DeviceRegion, arenaOffsetFor } from './region/device-region.js';

/** What sets one native backend apart from another. */
interface NativeApi {
  /** Name of the backend here, and of its devices. */
  readonly name: 'cpu-native' | 'opencl';
  /** Name of the backend in the device host. */
  readonly hostName: 'cpu' | 'opencl';
  readonly target: KernelTarget;
  readonly linkTarget: LinkTarget | undefined;
}

const CPU: NativeApi = { name: 'cpu-native', hostName: 'cpu', target: 'cpp', linkTarget: undefined };
const OPENCL: NativeApi = { name: 'opencl', hostName: 'opencl', target: 'opencl', linkTarget: 'opencl' };

/** The backends that the options name. Nothing is looked for or started before `discover`. */
export function createNativeBackends(options: ResolvedNativeOptions, logger: Logger): readonly ComputeBackend[] {
  const backends: ComputeBackend[] = [];
  if (options.cpu !== false) backends.push(new NativeBackend(CPU, options.cpu, options, logger));
  if (options.opencl !== false) backends.push(new NativeBackend(OPENCL, options.opencl, options, logger));
  return backends;
}

/** Devices of one compute API, each in a process of its own. */
class NativeBackend implements ComputeBackend {
  readonly name: NativeApi['name'];
  absence: string | undefined;

  private discovery: Promise<ProbeResult> | undefined;
  private binaries: NativeBinaries | undefined;

  constructor(
    private readonly api: NativeApi,
    private readonly options: ResolvedNativeDeviceOptions,
    private readonly native: ResolvedNativeOptions,
    private readonly logger: Logger,
  ) {
    this.name = api.name;
  }

  async discover(): Promise<readonly DeviceDescription[]> {
    this.discovery ??= this.probe();
    const { devices, absence } = await this.discovery;
    this.absence = absence;
    return devices.map((device) => this.describe(device));
  }

  async open(deviceId: string): Promise<NativeDevice> {
    const descriptions = await this.discover();
    const index = descriptions.findIndex(({ id }) => id === deviceId);
    if (index < 0 && this.absence !== undefined) throw this.unavailable(this.absence);
    if (index < 0) {
      const known = descriptions.map(({ id }) => id);
      throw new GpuBridgeError(
        'DEVICE_NOT_FOUND',
        { wanted: deviceId, known },
        `the ${this.name} backend has ${known.join(', ')}, not ${deviceId}`,
      );
    }
    const probed = (await this.discovery!).devices[index]!;
    return this.openDevice(descriptions[index]!, probed);
  }

  private async probe(): Promise<ProbeResult> {
    const found = findBinaries(this.native.hostPath);
    if ('missing' in found) return { devices: [], absence: found.missing };
    this.binaries = found;
    return probeDevices(found.hostPath, ['--probe', this.api.hostName], this.options.startTimeoutMs);
  }

  private describe(device: ProbedDevice): DeviceDescription {
    const { api, options } = this;
    const isCoherent = device.isCoherent && options.hostCoherent !== false;
    // Executors that copy would each copy out what the others have not finished.
    const executors = isCoherent ? (options.executors ?? device.executors) : 1;
    const most = Math.floor((device.maxBytes - arenaOffsetFor(executors)) / 2 ** 20) * 2 ** 20;
    return {
      id: `${api.name}:${device.index}`,
      name: device.name,
      type: device.type,
      backend: api.name,
      executors,
      arenaBytes: Math.min(options.arenaMiB * 2 ** 20, most),
      ...modesOf(device, isCoherent, options.executionMode),
      lanes: device.lanes,
      hostCoherent: isCoherent,
      faultDomain: 'device',
      targets: [api.target],
      offers: device.offers,
    };
  }

  private async openDevice(description: DeviceDescription, { index }: ProbedDevice): Promise<NativeDevice> {
    const { api, options, logger } = this;
    const wanted = options.executionMode;
    if (wanted !== 'auto' && description.executionMode !== wanted)
      throw GpuBridgeError.invalidArgument(
        `options.native.${api.hostName}.executionMode`,
        wanted,
        `a mode of ${description.id}: auto, ${description.executionModes.join(', ')}`,
      );
    if (description.arenaBytes < 2 ** 20) throw this.unavailable(`${description.id} reaches less than 1 MiB of memory`);
    const { addonPath, hostPath } = this.binaries!;
    const addon = loadAddon(addonPath, this.name);
    const device = new NativeDevice({
      description,
      region: this.newRegion(() => new DeviceRegion(addon, description.executors, description.arenaBytes)),
      host: {
        hostPath,
        args: this.hostArguments(index),
        standby: options.standby,
        startTimeoutMs: options.startTimeoutMs,
      },
      builds: this.builds(description.id),
      logger,
      linkTarget: description.executionMode === 'launched' ? undefined : api.linkTarget,
      needsResident: wanted === 'resident' || wanted === 'leased',
    });
    try {
      await device.start();
    } catch (cause) {
      await device.close(0);
      throw this.unavailable(cause instanceof Error ? cause.message : String(cause), cause);
    }
    return device;
  }

  private newRegion(make: () => DeviceRegion): DeviceRegion {
    try {
      return make();
    } catch (cause) {
      const { arenaMiB } = this.options;
      throw this.unavailable(`cannot have ${arenaMiB} MiB of shared memory; lower arenaMiB (${String(cause)})`, cause);
    }
  }

  private hostArguments(index: number): string[] {
    const { executionMode, idleParkUs, leaseEntries, hostCoherent } = this.options;
    const options = {
      '--backend': this.api.hostName,
      '--device': index,
      '--region-fd': REGION_FD,
      '--mode': executionMode,
      '--idle-park-us': idleParkUs,
      '--lease-entries': leaseEntries,
      '--cache': privateFolder(join(this.cacheFolder(), 'programs')),
      '--host-coherent': hostCoherent === false ? 'false' : 'auto',
      '--silo-pid': process.pid,
    };
    return Object.entries(options).flatMap(([option, value]) => [option, String(value)]);
  }

  private builds(deviceId: string): KernelBuilds {
    if (this.api.target !== 'cpp') return openClBuilds;
    const { compiler } = this.native;
    if (compiler === undefined) return new CppBuilds(deviceId, undefined);
    return new CppBuilds(deviceId, new SharedObjects(compiler, privateFolder(join(this.cacheFolder(), 'kernels'))));
  }

  private cacheFolder(): string {
    return privateFolder(this.native.cacheFolder ?? defaultCacheFolder());
  }

  private unavailable(reason: string, cause?: unknown): GpuBridgeError<'BACKEND_UNAVAILABLE'> {
    return new GpuBridgeError('BACKEND_UNAVAILABLE', { backend: this.name, reason }, reason, { cause });
  }
}

/** Devices that do not see the host's writes while they run cannot poll its rings. */
function modesOf(
  { modes }: ProbedDevice,
  isCoherent: boolean,
  wanted: ResolvedNativeDeviceOptions['executionMode'],
): { readonly executionMode: ExecutionMode; readonly executionModes: readonly ExecutionMode[] } {
  const possible = isCoherent ? modes : modes.filter((mode) => mode === 'launched');
  const best = possible[0] ?? 'launched';
  const executionMode = wanted !== 'auto' && possible.includes(wanted) ? wanted : best;
  const others = possible.filter((mode) => mode === 'launched' && mode !== executionMode);
  return { executionMode, executionModes: [executionMode, ...others] };
}
