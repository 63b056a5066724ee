import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { GpuExecutionHints, KernelDescriptor, Logger } from '@gpu-bridge/abstractions';
import type { DeviceBroker } from '../broker/device-broker.js';

export interface SelectedDevice {
  readonly broker: DeviceBroker;
  /** The wanted device or type of device was not there. */
  readonly fallback: boolean;
}

/** Chooses the device of a job within the silo: the preferred one, one of the wanted type, else the CPU, visibly. */
export class DeviceSelector {
  private readonly reported = new Set<string>();

  constructor(
    private readonly brokers: readonly DeviceBroker[],
    private readonly logger: Logger,
  ) {}

  /**
   * @throws GpuBridgeError `DEVICE_NOT_FOUND` when the preferred device, or any device at all, is not open;
   *   `KERNEL_REFUSED` when the kernel could not be loaded there.
   */
  select(hints: GpuExecutionHints, kernel: KernelDescriptor): SelectedDevice {
    if (hints.preferredDevice !== undefined) {
      const broker = this.named(hints.preferredDevice, kernel);
      const other = isOpen(broker) ? undefined : this.substitute(hints, kernel);
      return other ?? { broker, fallback: false }; // with no other, its broker says why
    }
    const loaded = this.brokers.filter((broker) => broker.host.kernel(kernel.id) !== undefined);
    if (loaded.length === 0) throw this.nothing(kernel);
    // A device that was given up queues nothing, and would look least loaded; with no other, its broker says why.
    const open = loaded.filter(isOpen);
    const able = open.length > 0 ? open : loaded;
    const wanted = hints.deviceType;
    if (wanted === undefined) return { broker: leastLoaded(able), fallback: false };
    const fitting = able.filter((broker) => broker.description.type === wanted);
    if (fitting.length > 0) return { broker: leastLoaded(fitting), fallback: false };
    const last = able.filter((broker) => broker.description.type === 'cpu');
    if (last.length === 0) throw this.nothing(kernel, wanted);
    this.report(wanted, last[0]!.description.id);
    const broker = leastLoaded(last);
    broker.metrics.fallbacks++;
    return { broker, fallback: true };
  }

  /**
   * A device for what another one, which is quarantined, was to do: of the wanted type if there is one, else the CPU, else
   * any that runs the kernel; undefined when none does.
   *
   * @param accepts - what else it must be.
   */
  substitute(
    { preferredDevice, deviceType }: GpuExecutionHints,
    kernel: KernelDescriptor,
    accepts: (broker: DeviceBroker) => boolean = () => true,
  ): SelectedDevice | undefined {
    const able = this.brokers.filter((b) => isOpen(b) && b.host.kernel(kernel.id) !== undefined && accepts(b));
    const groups = [
      able.filter((broker) => deviceType === undefined || broker.description.type === deviceType),
      able.filter((broker) => broker.description.type === 'cpu'),
      able,
    ];
    const fitting = groups.find((group) => group.length > 0);
    if (fitting === undefined) return undefined;
    const broker = leastLoaded(fitting);
    const { id, type } = broker.description;
    const isPreferred = preferredDevice === undefined || preferredDevice === id;
    if (isPreferred && (deviceType === undefined || deviceType === type)) return { broker, fallback: false };
    broker.metrics.fallbacks++;
    return { broker, fallback: true };
  }

  /** Whether any device has loaded the kernel. */
  runs({ id }: KernelDescriptor): boolean {
    return this.brokers.some((broker) => broker.host.kernel(id) !== undefined);
  }

  private named(id: string, kernel: KernelDescriptor): DeviceBroker {
    const broker = this.brokers.find((b) => b.description.id === id);
    if (broker === undefined) throw this.nothing(kernel, id);
    if (broker.host.kernel(kernel.id) !== undefined) return broker;
    const details = {
      kernel: kernel.name,
      deviceId: id,
      missing: kernel.requires.filter((r) => !broker.description.offers.includes(r)),
    };
    throw new GpuBridgeError('KERNEL_REFUSED', details, `${id} does not run ${kernel.name}`);
  }

  private nothing(kernel: KernelDescriptor, wanted = 'any device'): GpuBridgeError {
    const known = this.brokers.map((b) => b.description.id);
    return new GpuBridgeError(
      'DEVICE_NOT_FOUND',
      { wanted, known },
      `no device for ${kernel.name}: wanted ${wanted}, open: ${known.join(', ') || 'none'}`,
    );
  }

  /** Once per type: every job's result and a counter say it too. */
  private report(wanted: string, used: string): void {
    if (this.reported.has(wanted)) return;
    this.reported.add(wanted);
    this.logger.warn(`no ${wanted} device is open; such jobs run on the CPU`, { wanted, used });
  }
}

export function leastLoaded(brokers: readonly DeviceBroker[]): DeviceBroker {
  let best = brokers[0]!;
  for (const broker of brokers) if (broker.queuedJobs < best.queuedJobs) best = broker;
  return best;
}

/** Whether it takes jobs, or will when it has started again. */
export function isOpen({ host: { health } }: DeviceBroker): boolean {
  return health !== 'quarantined' && health !== 'closed';
}
