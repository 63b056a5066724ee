import { GpuBridgeError } from '../errors/gpu-bridge-error.js';
import { LOG_LEVELS } from '../host/logger.js';
import type { LogLevel } from '../host/logger.js';
import type { KernelDefinition } from '../kernels/definition.js';
import { checkInteger, checkFields, optionalText } from './option-checks.js';
import { resolveTenants } from './tenant-options.js';
import type { ResolvedTenantsOptions, TenantsOptions } from './tenant-options.js';

/** Options of `addGpuBridge`. Everything has a safe default. */
export interface GpuBridgeOptions {
  /** Kernels this silo can run; compiled at start. Names must differ. Default none. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- kernels of any parameters
  readonly kernels?: readonly KernelDefinition<any>[];
  /** The embedded CPU device; `false` opens none. */
  readonly cpu?: CpuDeviceOptions | false;
  /**
   * Devices reached through device-host processes; needs the package `@gpu-bridge/compute-native`. Default: none. What is
   * asked for and not there is logged and stands in `getInfo().unavailable`; the CPU device does the work.
   */
  readonly native?: NativeOptions;
  /**
   * Whether the start fails when no device opens. A silo of a cluster may do without: its kernel calls go to other silos, and
   * are `DEVICE_NOT_FOUND` where there is none. Default true.
   */
  readonly requireDevice?: boolean;
  readonly broker?: BrokerOptions;
  readonly tenants?: TenantsOptions;
  readonly health?: HealthOptions;
  /** The least that the default logger writes. Default `warn`. */
  readonly logLevel?: LogLevel;
  /**
   * What is told to OpenTelemetry; `true`: metrics and traces. Needs an SDK that the application registers before the start.
   * Default: nothing.
   */
  readonly telemetry?: TelemetryOptions | boolean;
  readonly datasets?: DatasetsOptions;
}

export interface TelemetryOptions {
  /** Default true. */
  readonly metrics?: boolean;
  /** Default true. */
  readonly traces?: boolean;
}

/** Where datasets go that make way in the arena and have no source. */
export interface DatasetsOptions {
  /**
   * Folder for their files, each silo's in a private folder of its own that is removed when it stops; made where it does not
   * exist. Default: the system's place for temporary files.
   */
  readonly spillFolder?: string;
  /**
   * What they may take there, MiB, 0 … 2^20; superseded epochs are forgotten for it, the oldest first, and what finds no room
   * stays in the arena. Default 4,096.
   */
  readonly spillMiB?: number;
}

export interface CpuDeviceOptions {
  /** Worker threads, 1 … 64. Default: the cores this process may use. */
  readonly workers?: number;
  /** Arena size in MiB, 1 … 4032; address space is reserved at once, memory is used as touched. Default 512. */
  readonly arenaMiB?: number;
  /**
   * Most empty polls of the ring before an idle worker parks, 0 … 10^7, each some tens of ns. Where entries come with
   * long pauses it polls less by itself. Default 20,000.
   */
  readonly spinPolls?: number;
}

/** Devices of compute-native. Each backend that is named is looked for; `true` stands for its defaults. */
export interface NativeOptions {
  /** Processor cores through generated C++. Needs `compiler`, or kernels with shared objects. Default: not opened. */
  readonly cpu?: NativeDeviceOptions | boolean;
  /** Every OpenCL device there is. Default: not opened. */
  readonly opencl?: OpenClOptions | boolean;
  /**
   * C++ compiler that may be run for the native CPU device, for example `g++`; its shared objects are kept in `cacheFolder`.
   * Not run for kernels that bring a shared object, compiled ahead of time. Default none: that device refuses all others.
   */
  readonly compiler?: string;
  /**
   * Folder that keeps shared objects and program binaries between starts; what lies in it is run, so keep it to this
   * application. Default: a folder of this user's in the system's cache place.
   */
  readonly cacheFolder?: string;
  /** Device-host program. Default: the one built here, else the one of the platform package. */
  readonly hostPath?: string;
}

export interface NativeDeviceOptions {
  /** Executors, a ring each, 1 … 64. Default: cores for the CPU; compute units less one, at least one, for OpenCL. */
  readonly executors?: number;
  /** Arena size in MiB, 1 … 4032; memory is used as touched. Default 512. */
  readonly arenaMiB?: number;
  /** Mode in which entries run that ask for none; `auto` takes the best that the device proves to have. Default `auto`. */
  readonly executionMode?: 'auto' | 'resident' | 'leased' | 'launched';
  /** Time without an entry after which an executor parks and leaves its core, µs, 0 … 10^7. Default 2,000. */
  readonly idleParkUs?: number;
  /** Entries after which a leased kernel returns and is launched again, 1 … 2^32 - 1. Default 65,536. */
  readonly leaseEntries?: number;
  /** Keeps a second host process warm, which takes over within milliseconds. Costs its memory. Default false. */
  readonly standby?: boolean;
  /** Longest start of a host, ms, at least 1. Default 60,000: a first build of kernels can take long. */
  readonly startTimeoutMs?: number;
}

export interface OpenClOptions extends NativeDeviceOptions {
  /** False forces the path for devices that do not see the host's writes while they run. Default: probed. */
  readonly hostCoherent?: false;
}

export interface BrokerOptions {
  /** Jobs that may wait per device over all tenants, 1 … 10^6; beyond it: `QUEUE_FULL`. Default 4,096. */
  readonly queueLimit?: number;
  /** Ring slots in flight per executor, 1 … 8. More hides refill time, less keeps fairness. Default 2. */
  readonly slotsInFlight?: number;
  /** How long unread results stay on the device, ms, at least 1. Default 60,000. */
  readonly resultRetentionMs?: number;
}

export interface HealthOptions {
  /** Longest time one ring slot may run before its executor is killed, ms, at least 1. Default 10,000. */
  readonly slotBudgetMs?: number;
  /** How often the watchdog looks, ms, at least 1. Default 10. */
  readonly checkIntervalMs?: number;
  /**
   * Deaths nobody asked for, and failed starts, that a device's executors may have within a minute, 1 … 10^6; with more
   * it is quarantined. Kills by the watchdog do not count. Default 20.
   */
  readonly maxDeathsPerMinute?: number;
  /**
   * How long a device that was given up stays so before one start is tried, ms, at least 1; each failure doubles it, up to
   * an hour. Its jobs go to other devices meanwhile. Default 30,000.
   */
  readonly quarantineMs?: number;
  /** A host process whose heartbeat stands still for so long while it has work is killed, ms, at least 100. Default 5,000. */
  readonly heartbeatTimeoutMs?: number;
  /** How long `stop` waits for accepted jobs before it fails what is left with `DRAINING`, ms. Default 30,000. */
  readonly drainTimeoutMs?: number;
}

type Resolved<T> = { readonly [K in keyof T]-?: Exclude<T[K], undefined> };
export type ResolvedBrokerOptions = Resolved<BrokerOptions>;
export type ResolvedHealthOptions = Resolved<HealthOptions>;
export type ResolvedTelemetryOptions = Resolved<TelemetryOptions>;
export interface ResolvedCpuDeviceOptions {
  /** Undefined: the backend asks the operating system. */
  readonly workers: number | undefined;
  readonly arenaMiB: number;
  readonly spinPolls: number;
}
export interface ResolvedNativeDeviceOptions {
  /** Undefined: the backend asks the device. */
  readonly executors: number | undefined;
  readonly arenaMiB: number;
  readonly executionMode: 'auto' | 'resident' | 'leased' | 'launched';
  readonly idleParkUs: number;
  readonly leaseEntries: number;
  readonly standby: boolean;
  readonly startTimeoutMs: number;
  /** Undefined: probed. */
  readonly hostCoherent: false | undefined;
}
export interface ResolvedNativeOptions {
  readonly cpu: ResolvedNativeDeviceOptions | false;
  readonly opencl: ResolvedNativeDeviceOptions | false;
  readonly compiler: string | undefined;
  readonly cacheFolder: string | undefined;
  readonly hostPath: string | undefined;
}
export interface ResolvedDatasetsOptions {
  /** Undefined: the system's place for temporary files. */
  readonly spillFolder: string | undefined;
  readonly spillMiB: number;
}
export interface ResolvedGpuBridgeOptions {
  readonly kernels: readonly KernelDefinition[];
  readonly cpu: ResolvedCpuDeviceOptions | false;
  readonly native: ResolvedNativeOptions | false;
  readonly requireDevice: boolean;
  readonly broker: ResolvedBrokerOptions;
  readonly tenants: ResolvedTenantsOptions;
  readonly health: ResolvedHealthOptions;
  readonly logLevel: LogLevel;
  readonly telemetry: ResolvedTelemetryOptions;
  readonly datasets: ResolvedDatasetsOptions;
}

/**
 * Checks every option and fills in the defaults.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for an unknown option or a value out of its range.
 */
export function resolveOptions(options: GpuBridgeOptions = {}): ResolvedGpuBridgeOptions {
  checkFields('options', options, [
    ...['kernels', 'cpu', 'native', 'requireDevice', 'broker', 'tenants', 'health'],
    ...['logLevel', 'telemetry', 'datasets'],
  ]);
  const { kernels = [], cpu = {}, native, requireDevice = true, broker = {}, tenants = {}, health = {} } = options;
  const { logLevel = 'warn', telemetry = false, datasets = {} } = options;
  const names = new Set<string>();
  if (!Array.isArray(kernels)) throw GpuBridgeError.invalidArgument('options.kernels', kernels, 'an array of kernels');
  for (const kernel of kernels as readonly KernelDefinition[]) {
    if (kernel?.kind !== 'map' && kernel?.kind !== 'grid') {
      throw GpuBridgeError.invalidArgument('options.kernels', kernel, 'kernels made by mapKernel or gridKernel');
    }
    if (names.has(kernel.name))
      throw GpuBridgeError.invalidArgument('options.kernels', kernel.name, 'kernels of different names');
    names.add(kernel.name);
  }
  if (typeof requireDevice !== 'boolean')
    throw GpuBridgeError.invalidArgument('options.requireDevice', requireDevice, 'a boolean');
  return {
    kernels: kernels as readonly KernelDefinition[],
    cpu: cpu === false ? false : resolveCpu(cpu),
    native: native === undefined ? false : resolveNative(native),
    requireDevice,
    broker: resolveBroker(broker),
    tenants: resolveTenants(tenants),
    health: resolveHealth(health),
    logLevel: checkedLevel(logLevel),
    telemetry: resolveTelemetry(telemetry),
    datasets: resolveDatasets(datasets),
  };
}

function checkedLevel(level: LogLevel): LogLevel {
  if (LOG_LEVELS.includes(level)) return level;
  throw GpuBridgeError.invalidArgument('options.logLevel', level, `one of ${LOG_LEVELS.join(', ')}`);
}

function resolveTelemetry(telemetry: TelemetryOptions | boolean): ResolvedTelemetryOptions {
  if (typeof telemetry === 'boolean') return { metrics: telemetry, traces: telemetry };
  checkFields('options.telemetry', telemetry, ['metrics', 'traces']);
  const { metrics = true, traces = true } = telemetry;
  for (const [name, value] of Object.entries({ metrics, traces })) {
    if (typeof value !== 'boolean')
      throw GpuBridgeError.invalidArgument(`options.telemetry.${name}`, value, 'a boolean');
  }
  return { metrics, traces };
}

function resolveCpu(cpu: CpuDeviceOptions): ResolvedCpuDeviceOptions {
  checkFields('options.cpu', cpu, ['workers', 'arenaMiB', 'spinPolls']);
  return {
    workers: cpu.workers === undefined ? undefined : checkInteger('options.cpu.workers', cpu.workers, 1, 64),
    arenaMiB: checkInteger('options.cpu.arenaMiB', cpu.arenaMiB ?? 512, 1, 4032),
    spinPolls: checkInteger('options.cpu.spinPolls', cpu.spinPolls ?? 20_000, 0, 1e7),
  };
}

function resolveNative(native: NativeOptions): ResolvedNativeOptions {
  checkFields('options.native', native, ['cpu', 'opencl', 'compiler', 'cacheFolder', 'hostPath']);
  return {
    cpu: resolveNativeDevice('options.native.cpu', native.cpu, NATIVE_DEVICE_OPTIONS),
    opencl: resolveNativeDevice('options.native.opencl', native.opencl, [...NATIVE_DEVICE_OPTIONS, 'hostCoherent']),
    compiler: optionalText('options.native.compiler', native.compiler),
    cacheFolder: optionalText('options.native.cacheFolder', native.cacheFolder),
    hostPath: optionalText('options.native.hostPath', native.hostPath),
  };
}

const NATIVE_DEVICE_OPTIONS: readonly string[] = [
  'executors',
  'arenaMiB',
  'executionMode',
  'idleParkUs',
  'leaseEntries',
  'standby',
  'startTimeoutMs',
] satisfies (keyof NativeDeviceOptions)[];
const NATIVE_MODES = ['auto', 'resident', 'leased', 'launched'] as const;

function resolveNativeDevice(
  field: string,
  options: OpenClOptions | boolean | undefined,
  allowed: readonly string[],
): ResolvedNativeDeviceOptions | false {
  if (options === undefined || options === false) return false;
  const device: OpenClOptions = options === true ? {} : options;
  checkFields(field, device, allowed);
  const { executors, executionMode = 'auto', standby = false, hostCoherent } = device;
  if (!NATIVE_MODES.includes(executionMode))
    throw GpuBridgeError.invalidArgument(`${field}.executionMode`, executionMode, `one of ${NATIVE_MODES.join(', ')}`);
  if (typeof standby !== 'boolean') throw GpuBridgeError.invalidArgument(`${field}.standby`, standby, 'a boolean');
  if (hostCoherent !== undefined && hostCoherent !== false)
    throw GpuBridgeError.invalidArgument(`${field}.hostCoherent`, hostCoherent, 'false, or left out');
  return {
    executors: executors === undefined ? undefined : checkInteger(`${field}.executors`, executors, 1, 64),
    arenaMiB: checkInteger(`${field}.arenaMiB`, device.arenaMiB ?? 512, 1, 4032),
    executionMode,
    idleParkUs: checkInteger(`${field}.idleParkUs`, device.idleParkUs ?? 2_000, 0, 1e7),
    leaseEntries: checkInteger(`${field}.leaseEntries`, device.leaseEntries ?? 65_536, 1, 2 ** 32 - 1),
    standby,
    startTimeoutMs: checkInteger(`${field}.startTimeoutMs`, device.startTimeoutMs ?? 60_000, 1, 2 ** 31 - 1),
    hostCoherent,
  };
}

function resolveBroker(broker: BrokerOptions): ResolvedBrokerOptions {
  checkFields('options.broker', broker, ['queueLimit', 'slotsInFlight', 'resultRetentionMs']);
  return {
    queueLimit: checkInteger('options.broker.queueLimit', broker.queueLimit ?? 4096, 1, 1e6),
    slotsInFlight: checkInteger('options.broker.slotsInFlight', broker.slotsInFlight ?? 2, 1, 8),
    resultRetentionMs: checkInteger(
      'options.broker.resultRetentionMs',
      broker.resultRetentionMs ?? 60_000,
      1,
      2 ** 31 - 1,
    ),
  };
}

function resolveHealth(health: HealthOptions): ResolvedHealthOptions {
  checkFields('options.health', health, [
    'slotBudgetMs',
    'checkIntervalMs',
    'maxDeathsPerMinute',
    'quarantineMs',
    'heartbeatTimeoutMs',
    'drainTimeoutMs',
  ]);
  return {
    slotBudgetMs: checkInteger('options.health.slotBudgetMs', health.slotBudgetMs ?? 10_000, 1, 2 ** 31 - 1),
    checkIntervalMs: checkInteger('options.health.checkIntervalMs', health.checkIntervalMs ?? 10, 1, 60_000),
    maxDeathsPerMinute: checkInteger('options.health.maxDeathsPerMinute', health.maxDeathsPerMinute ?? 20, 1, 1e6),
    quarantineMs: checkInteger('options.health.quarantineMs', health.quarantineMs ?? 30_000, 1, 2 ** 31 - 1),
    heartbeatTimeoutMs: checkInteger(
      'options.health.heartbeatTimeoutMs',
      health.heartbeatTimeoutMs ?? 5_000,
      100,
      2 ** 31 - 1,
    ),
    drainTimeoutMs: checkInteger('options.health.drainTimeoutMs', health.drainTimeoutMs ?? 30_000, 0, 2 ** 31 - 1),
  };
}

function resolveDatasets(datasets: DatasetsOptions): ResolvedDatasetsOptions {
  checkFields('options.datasets', datasets, ['spillFolder', 'spillMiB']);
  return {
    spillFolder: optionalText('options.datasets.spillFolder', datasets.spillFolder),
    spillMiB: checkInteger('options.datasets.spillMiB', datasets.spillMiB ?? 4096, 0, 2 ** 20),
  };
}
