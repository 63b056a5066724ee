import { readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  ComputeDevice,
  DeviceDescription,
  DeviceTelemetry,
  KernelArtifact,
  KernelDescriptor,
  LinkedKernels,
  LinkTarget,
  Logger,
} from '@gpu-bridge/abstractions';
import { kernelFrame, linkFrame } from '../host/frames.js';
import { HostSupervisor } from '../host/host-supervisor.js';
import type { SupervisorSetting } from '../host/host-supervisor.js';
import type { DeviceRegion } from '../region/device-region.js';
import { buildFailed } from './kernel-builds.js';
import type { KernelBuilds } from './kernel-builds.js';
import { NativeExecutor } from './native-executor.js';
import type { ExecutorOwner } from './native-executor.js';

export interface NativeDeviceParts {
  readonly description: DeviceDescription;
  readonly region: DeviceRegion;
  readonly host: Omit<SupervisorSetting, 'deviceId' | 'regionFd'>;
  readonly builds: KernelBuilds;
  readonly logger: Logger;
  /** Resident loops are linked for it; undefined where it needs none. */
  readonly linkTarget: LinkTarget | undefined;
  /** A resident form that cannot be had is an error, since the caller asked for its mode by name. */
  readonly needsResident: boolean;
}

/** A device behind a host process: one region, one process at a time, whose threads are the executors. */
export class NativeDevice implements ComputeDevice, ExecutorOwner {
  description: DeviceDescription;
  readonly memory: ArrayBuffer;
  readonly arenaOffset: number;
  readonly arenaBytes: number;
  readonly executors: readonly NativeExecutor[];

  private readonly supervisor: HostSupervisor;
  private generation = 0;
  private starting: Promise<void> | undefined;
  private ending: Promise<void> | undefined;
  private closing: Promise<void> | undefined;

  constructor(private readonly parts: NativeDeviceParts) {
    const { description, region, host, logger } = parts;
    this.description = description;
    this.memory = region.memory;
    this.arenaOffset = region.arenaOffset;
    this.arenaBytes = region.arenaBytes;
    this.supervisor = new HostSupervisor({ ...host, deviceId: description.id, regionFd: region.fd }, logger);
    this.supervisor.onDeath = (reason) => this.report(reason, 'fault');
    this.executors = Array.from(
      { length: description.executors },
      (_, group) => new NativeExecutor(group, region.newRing(group, 0), this),
    );
  }

  // --- kernels -------------------------------------------------------------------------------------------------------

  async provideKernel(number: number, artifact: KernelArtifact, descriptor: KernelDescriptor): Promise<void> {
    const build = await this.parts.builds.prepare(artifact, descriptor);
    const answer = await this.supervisor.load(kernelFrame(number, descriptor, build));
    if (answer?.verb === 'refused')
      throw buildFailed(descriptor.name, answer.values.get('log') ?? 'the device gave no reason');
  }

  async seal(link: (target: LinkTarget) => LinkedKernels): Promise<void> {
    const { linkTarget } = this.parts;
    if (linkTarget === undefined) return;
    let log = 'no kernel has a resident form';
    try {
      const linked = link(linkTarget);
      const answer = linked.length === 0 ? undefined : await this.supervisor.seal(linked.map(linkFrame));
      if (answer?.verb === 'sealed') return;
      log = answer?.values.get('log') ?? log;
    } catch (error) {
      if (!GpuBridgeError.is(error, 'KERNEL_BUILD_FAILED')) throw error;
      log = error.message;
    }
    this.runsLaunched(log);
  }

  /** The resident form cannot be had: entries run launched, unless the caller insists. */
  private runsLaunched(log: string): void {
    const { id, executionMode } = this.description;
    if (this.parts.needsResident) throw buildFailed(`the ${executionMode} kernel of ${id}`, log);
    this.parts.logger.warn('a device has no resident kernel and launches each entry', { device: id, log });
    this.description = { ...this.description, executionMode: 'launched', executionModes: ['launched'] };
  }

  // --- life of the process -------------------------------------------------------------------------------------------

  start(): Promise<void> {
    this.starting ??= this.startAll().finally(() => (this.starting = undefined));
    return this.starting;
  }

  private async startAll(): Promise<void> {
    await this.ending;
    // What a ring of the dead incarnation holds is read by now: those who were told of its end have had their turn.
    await turn();
    if (this.closing !== undefined) throw this.closed();
    const { region, logger } = this.parts;
    const generation = ++this.generation;
    for (const executor of this.executors) {
      executor.ring = region.newRing(executor.group, generation);
      executor.generation = generation;
    }
    const opened = await this.supervisor.start(generation);
    const mode = opened.values.get('mode');
    if (mode !== undefined && generation === 1 && mode !== this.description.executionMode)
      logger.debug('a device host runs in another mode than it was probed for', { device: this.description.id, mode });
    for (const executor of this.executors) executor.isUp = true;
  }

  end(killed: NativeExecutor): Promise<void> {
    killed.isUp = false;
    this.ending ??= this.endAll().finally(() => (this.ending = undefined));
    return this.ending;
  }

  private async endAll(): Promise<void> {
    await this.supervisor.kill();
    this.report('the device host was killed because of another executor', 'collateral');
  }

  /** Tells the owners of executors that the process is gone. */
  private report(reason: string, cause: 'fault' | 'collateral'): void {
    const told = this.executors.filter((executor) => executor.isUp);
    for (const executor of told) executor.isUp = false;
    if (this.closing !== undefined) return;
    for (const executor of told) executor.onExit?.(reason, cause);
  }

  close(graceMs: number): Promise<void> {
    this.closing ??= this.closeAll(graceMs);
    return this.closing;
  }

  private async closeAll(graceMs: number): Promise<void> {
    for (const { ring, isUp } of this.executors) if (isUp) ring.requestStop();
    await this.supervisor.close(graceMs);
    this.parts.region.close();
  }

  private closed(): GpuBridgeError {
    const { id } = this.description;
    return new GpuBridgeError('DRAINING', { what: id }, `${id} is closed`);
  }

  // --- what it says of itself ----------------------------------------------------------------------------------------

  hostHeartbeat(): number {
    return this.parts.region.hostHeartbeat();
  }

  holdsChanged(): void {
    this.supervisor.hold(this.executors.some(({ isHeld }) => isHeld));
  }

  telemetry(): DeviceTelemetry {
    const { pid, hasStandby, starts, lastStartMs } = this.supervisor;
    return {
      hostPid: pid,
      residentBytes: pid === undefined ? undefined : residentBytesOf(pid),
      hasStandby,
      starts,
      lastStartMs,
    };
  }
}

/** Memory in use, from the system's own table; in kB there, whatever the page size. */
function residentBytesOf(pid: number): number | undefined {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined; // it has just ended
  }
}
