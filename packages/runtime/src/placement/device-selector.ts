import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { GpuExecutionHints, KernelDescriptor, Logger } from '@gpu-bridge/abstractions';
import type { DeviceBroker } from '../broker/device-broker.js';

export interface SelectedDevice {
  readonly broker: DeviceBroker;
  /** The wanted type of device was not there. */
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
    if (hints.preferredDevice !== undefined)
      return { broker: this.named(hints.preferredDevice, kernel), fallback: false };
    const loaded = this.brokers.filter((broker) => broker.host.kernel(kernel.id) !== undefined);
    if (loaded.length === 0) throw this.nothing(kernel);
    // A device that was given up queues nothing, and would look least loaded; with no other, its broker says why.
    const open = loaded.filter(({ host: { health } }) => health !== 'quarantined' && health !== 'closed');
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

function leastLoaded(brokers: readonly DeviceBroker[]): DeviceBroker {
  let best = brokers[0]!;
  for (const broker of brokers) if (broker.queuedJobs < best.queuedJobs) best = broker;
  return best;
}
