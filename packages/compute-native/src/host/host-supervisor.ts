import { setTimeout as pause } from 'node:timers/promises';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Logger } from '@gpu-bridge/abstractions';
import { SEAL, goFrame } from './frames.js';
import type { Frame } from './frames.js';
import type { HostMessage } from './host-message.js';
import { HostSession } from './host-session.js';

export interface SupervisorSetting {
  readonly deviceId: string;
  readonly hostPath: string;
  /** Arguments of every host of this device but `--generation` and `--standby`. */
  readonly args: readonly string[];
  readonly regionFd: number;
  readonly standby: boolean;
  readonly startTimeoutMs: number;
}

/** Time after a start until another host is warmed up, which takes a core for a while. */
const CALM_MS = 500;
/** Longest such time, for hosts that end while they warm up. */
const MAX_CALM_MS = 60_000;

/**
 * The host processes of one device, one after the other: each is told everything that was told to those before, its end is
 * noticed, and where asked for another one stands by, warm.
 */
export class HostSupervisor {
  /** A host that served has ended, and not by `kill` or `close`. */
  onDeath: ((reason: string) => void) | undefined;
  starts = 0;
  lastStartMs: number | undefined;

  private journal: readonly Frame[] = [];
  /** The host that serves or starts to. */
  private current: HostSession | undefined;
  private standby: HostSession | undefined;
  private standbyTimer: NodeJS.Timeout | undefined;
  private calmMs = CALM_MS;
  private isHeld = false;
  private isClosed = false;

  constructor(
    private readonly setting: SupervisorSetting,
    private readonly logger: Logger,
  ) {}

  get pid(): number | undefined {
    return this.current?.process.pid;
  }

  get hasStandby(): boolean {
    return this.standby?.isWarm === true;
  }

  /**
   * Lets the standby begin, or starts a host. Only while there is none.
   *
   * @returns what the host said when it opened the device.
   * @throws GpuBridgeError `DEVICE_LOST` when it ended or did not serve in time; it is gone then.
   */
  async start(generation: number): Promise<HostMessage> {
    const { startTimeoutMs } = this.setting;
    const sinceMs = performance.now();
    clearTimeout(this.standbyTimer);
    const host = this.standby ?? this.spawn(generation, false);
    this.standby = undefined;
    this.current = host;
    this.starts++;
    host.process.hold(true); // or a process with nothing else to do exits before the host serves
    host.send(goFrame(generation));
    const timer = setTimeout(() => host.process.kill(), startTimeoutMs);
    const ended = await Promise.race([host.serving.then(() => undefined), host.process.exited]);
    clearTimeout(timer);
    const tookMs = performance.now() - sinceMs;
    if (ended !== undefined || host.opened === undefined) {
      host.process.kill();
      if (this.current === host) this.current = undefined;
      const isLate = tookMs >= startTimeoutMs;
      const late = `it did not serve within startTimeoutMs, ${startTimeoutMs} ms`;
      throw this.lost(generation, isLate ? late : (ended ?? 'it serves and has opened nothing'));
    }
    this.lastStartMs = tookMs;
    host.process.hold(this.isHeld);
    void host.process.exited.then((reason) => this.ended(host, reason));
    this.planStandby();
    return host.opened;
  }

  /**
   * Tells this and all later hosts of a kernel.
   *
   * @returns the answer; undefined while there is no host, which then hears it when it starts.
   * @throws GpuBridgeError `DEVICE_LOST` when the host ended over it; later ones are not told then.
   */
  load(kernel: Frame): Promise<HostMessage | undefined> {
    return this.tell([kernel], () => this.journal);
  }

  /**
   * Has this and all later hosts build resident loops, which take the place of those before. Those that this one cannot
   * build, later ones do not hear of.
   *
   * @returns the answer, and throws, as `load`.
   */
  seal(links: readonly Frame[]): Promise<HostMessage | undefined> {
    return this.tell([...links, SEAL], () => this.journal.filter(({ verb }) => verb === 'kernel'));
  }

  /** Ends the host at once; resolves when it can no longer touch memory. `onDeath` is not called. */
  async kill(): Promise<void> {
    const host = this.current;
    if (host === undefined) return;
    this.current = undefined;
    host.process.kill();
    await host.process.exited;
  }

  hold(keep: boolean): void {
    this.isHeld = keep;
    this.current?.process.hold(keep);
  }

  /** Ends everything. The host was asked to stop; it is killed when it takes longer than `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.standbyTimer);
    const { current, standby } = this;
    this.current = undefined;
    this.standby = undefined;
    standby?.process.kill();
    await Promise.all([current && endWithin(current, graceMs), standby?.process.exited]);
  }

  /**
   * @param frames - the last one is answered.
   * @param kept - what later hosts still hear before them, of what was told by then.
   */
  private async tell(frames: readonly Frame[], kept: () => readonly Frame[]): Promise<HostMessage | undefined> {
    const host = this.current;
    if (host === undefined) {
      this.journal = [...kept(), ...frames];
      return undefined;
    }
    // A host may build for as long as it may take to start.
    const { startTimeoutMs } = this.setting;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      host.process.kill();
    }, startTimeoutMs);
    const answer = await host.ask(frames);
    clearTimeout(timer);
    const { verb } = frames.at(-1)!;
    const late = `it took longer than startTimeoutMs, ${startTimeoutMs} ms, over a ${verb} frame and was killed`;
    if ('ended' in answer) throw this.lost(0, isLate ? late : `it ended over a ${verb} frame: ${answer.ended}`);
    const isBuilt = answer.verb === 'kernel' || answer.verb === 'sealed';
    this.journal = isBuilt ? [...kept(), ...frames] : kept();
    if (isBuilt) for (const frame of frames) this.standby?.send(frame);
    return answer;
  }

  private spawn(generation: number, isStandby: boolean): HostSession {
    const { hostPath, args, regionFd, deviceId } = this.setting;
    const all = [...args, '--generation', String(generation), '--standby', String(isStandby)];
    return new HostSession(hostPath, all, regionFd, this.journal, deviceId, this.logger);
  }

  private ended(host: HostSession, reason: string): void {
    if (this.current !== host) return; // killed or closed by us
    this.current = undefined;
    this.onDeath?.(reason);
  }

  private planStandby(): void {
    if (!this.setting.standby || this.isClosed) return;
    clearTimeout(this.standbyTimer);
    this.standbyTimer = setTimeout(() => this.startStandby(), this.calmMs);
    this.standbyTimer.unref();
  }

  private startStandby(): void {
    if (this.isClosed || this.standby !== undefined || this.current === undefined) return;
    const host = this.spawn(1, true);
    host.process.hold(false);
    this.standby = host;
    void host.process.exited.then((reason) => {
      if (this.standby !== host) return;
      this.standby = undefined;
      this.calmMs = Math.min(2 * this.calmMs, MAX_CALM_MS);
      this.logger.warn('a standby ended', { device: this.setting.deviceId, reason, againInMs: this.calmMs });
      this.planStandby();
    });
  }

  private lost(deviceGeneration: number, reason: string): GpuBridgeError<'DEVICE_LOST'> {
    const { deviceId } = this.setting;
    return new GpuBridgeError(
      'DEVICE_LOST',
      { deviceId, deviceGeneration },
      `the host of ${deviceId} was lost: ${reason}`,
    );
  }
}

async function endWithin({ process: host }: HostSession, graceMs: number): Promise<void> {
  host.hold(true); // the process stays until its hosts are gone
  host.endInput();
  const limit = new AbortController();
  const late = pause(graceMs, true, { signal: limit.signal }).catch(() => false);
  if (await Promise.race([host.exited.then(() => false), late])) host.kill();
  await host.exited;
  limit.abort();
}
