import { GpuBridgeError, MODE_NUMBERS, RunCheck, invariant } from '@gpu-bridge/abstractions';
import { ExecutorEnd, Op, SiloEnd, Status, createCqe, createSqe } from '@gpu-bridge/protocol';
import type { Clock, DeviceDescription, Executor } from '@gpu-bridge/abstractions';
import type { Sqe, RingMemory } from '@gpu-bridge/protocol';
import type { KernelRun, ProvidedKernel } from './reference-kernel.js';

const MAX_U32 = 2 ** 32 - 1;
/** Longest delay a Node timer takes. */
const FOREVER_MS = 2 ** 31 - 1;

/** What an executor needs of its device. */
export interface ExecutorHost {
  readonly description: Pick<DeviceDescription, 'id' | 'executionMode' | 'executionModes' | 'faultDomain'>;
  readonly memory: SharedArrayBuffer;
  readonly arenaOffset: number;
  readonly arenaBytes: number;
  readonly manual: boolean;
  readonly clock: Pick<Clock, 'nowNs'>;
  readonly isClosed: boolean;
  readonly isFrozen: boolean;
  thaw(): void;
  heartbeat(): number;
  /** Ends what shares the executor's fault domain. */
  endOthers(first: ReferenceExecutor, reason: string, cause: 'fault' | 'collateral'): void;
  /** Resolves when the owners of all that ended were told. */
  told(): Promise<unknown>;
  /** Every kernel provided so far, in order. */
  readonly provided: readonly ProvidedKernel[];
}

/** What a test can make of the next entry: the executor dies while it runs, or never finishes it. */
export type EntryFault = 'exit' | 'hang';

/**
 * An executor in the caller's thread: it runs one entry per `step`. Unless its device is manual it steps by itself,
 * one entry per turn of the event loop, and parks on the ring in between.
 */
export class ReferenceExecutor implements Executor {
  ring: SiloEnd;
  generation = 0;
  onExit: Executor['onExit'];
  /** Only where a fault domain is shared. */
  readonly hostHeartbeat?: () => number;
  /** Kernels handed over since the start and not yet taken by `Op.LOAD_KERNEL`. */
  readonly sideChannel: ProvidedKernel[] = [];

  private end: ExecutorEnd;
  private state: 'stopped' | 'running' | 'hung' = 'stopped';
  private readonly kernels = new Map<number, { readonly run: KernelRun; readonly check: RunCheck }>();
  private nextFault: EntryFault | undefined;
  private scheduled: NodeJS.Immediate | undefined;
  private parked: Promise<void> | undefined;
  /** Of an incarnation that ended by itself: until its owner was told. */
  telling: Promise<void> = Promise.resolve();
  private keepAlive: NodeJS.Timeout | undefined;
  private readonly sqe = createSqe();
  private readonly cqe = createCqe();

  constructor(
    private readonly device: ExecutorHost,
    readonly group: number,
    private readonly memory: RingMemory,
  ) {
    if (device.description.faultDomain === 'device') this.hostHeartbeat = () => device.heartbeat();
    memory.initialise(0);
    this.ring = new SiloEnd(memory);
    this.end = new ExecutorEnd(memory);
  }

  /** Whether an incarnation is alive; one that hangs is. */
  get isAlive(): boolean {
    return this.state !== 'stopped';
  }

  async start(): Promise<void> {
    invariant(this.state === 'stopped', 'an executor is started only when it is stopped');
    await this.parked; // the end of an earlier incarnation's wait must not touch the new ring
    if (this.device.isClosed) {
      const details = { deviceId: this.device.description.id, deviceGeneration: this.generation };
      throw new GpuBridgeError('DEVICE_LOST', details, 'the device is closed');
    }
    this.device.thaw();
    this.generation++;
    this.memory.initialise(this.generation);
    this.ring = new SiloEnd(this.memory);
    this.end = new ExecutorEnd(this.memory);
    this.kernels.clear();
    this.sideChannel.length = 0;
    for (const kernel of this.device.provided) this.load(kernel);
    this.state = 'running';
    this.end.beginLease();
    this.scheduleStep();
  }

  async kill(): Promise<void> {
    this.stop();
    await this.parked;
    this.device.endOthers(this, `executor ${this.group} was killed`, 'collateral');
    await this.device.told();
  }

  hold(keep: boolean): void {
    clearInterval(this.keepAlive);
    this.keepAlive = keep ? setInterval(() => undefined, FOREVER_MS) : undefined;
  }

  /** Runs the next entry, or honours a request to stop. False when there was nothing to do. */
  step(): boolean {
    if (this.state !== 'running' || this.device.isFrozen) return false;
    if (!this.end.ready()) {
      if (!this.end.stopRequested()) return false;
      this.exit('it was told to stop');
      return true;
    }
    const began = this.device.clock.nowNs();
    const { sqe, cqe } = this;
    this.end.take(sqe);
    if (this.nextFault !== undefined) return this.suffer(this.nextFault);
    cqe.userDataLow = sqe.userDataLow;
    cqe.userDataHigh = sqe.userDataHigh;
    cqe.generation = this.generation;
    cqe.violations = 0;
    cqe.mode = this.modeOf(sqe.mode);
    cqe.status = this.perform(sqe);
    cqe.durationNs = Math.min(MAX_U32, Number(this.device.clock.nowNs() - began));
    this.end.complete(cqe);
    return true;
  }

  /**
   * The incarnation ends unexpectedly, between two entries, and its owner is told: at once, or if it is parked as soon
   * as its wait has ended, since only then it can no longer touch memory. What shares its fault domain ends with it.
   */
  exit(reason: string, cause: 'fault' | 'collateral' = 'fault'): void {
    if (this.state === 'stopped') return;
    this.stop();
    const tell = (): void => this.onExit?.(reason, cause);
    if (this.parked === undefined) tell();
    else this.telling = this.parked.then(tell);
    this.device.endOthers(this, reason, cause);
  }

  /** The next entry taken is named as running, and then the executor dies or hangs. Entries before it are not affected. */
  faultAtNextEntry(fault: EntryFault): void {
    this.nextFault = fault;
  }

  /** A kernel that reached the device after this incarnation began. */
  send(kernel: ProvidedKernel): void {
    if (this.isAlive) this.sideChannel.push(kernel);
  }

  /** The mode that was asked for if the device lists it, else its own. */
  private modeOf(asked: number): number {
    const { executionMode, executionModes } = this.device.description;
    const mode = executionModes.find((name) => MODE_NUMBERS[name] === asked);
    return MODE_NUMBERS[mode ?? executionMode];
  }

  private perform(sqe: Readonly<Sqe>): Status {
    if (sqe.generation !== this.generation) return Status.STALE_GENERATION;
    if (sqe.op === Op.LOAD_KERNEL) return this.takeKernel(sqe.kernel);
    if (sqe.op !== Op.RUN) return Status.UNKNOWN_OP;
    const kernel = this.kernels.get(sqe.kernel);
    if (kernel === undefined) return Status.UNKNOWN_KERNEL;
    const status = kernel.check.statusOf(sqe);
    if (status !== Status.OK) return status;
    try {
      this.cqe.violations = Math.min(MAX_U32, kernel.run(sqe.paramsLow, sqe.firstItem, sqe.itemCount, sqe.group));
      return Status.OK;
    } catch {
      return Status.KERNEL_FAULT; // its text has no place in a completion
    }
  }

  /** Takes kernels from the side channel up to this number, as they were provided in the order of the submissions. */
  private takeKernel(kernelNumber: number): Status {
    while (!this.kernels.has(kernelNumber)) {
      const kernel = this.sideChannel.shift();
      if (kernel === undefined || !this.load(kernel)) return Status.LOAD_FAILED;
    }
    return Status.OK;
  }

  private load(kernel: ProvidedKernel): boolean {
    try {
      const { memory, arenaOffset, arenaBytes } = this.device;
      const arenaEnd = arenaOffset + arenaBytes;
      const check = new RunCheck(kernel.shape, { memory, arenaOffset, arenaEnd, group: this.group });
      this.kernels.set(kernel.kernelNumber, { run: kernel.instantiate(memory), check });
      return true;
    } catch {
      return false;
    }
  }

  private suffer(fault: EntryFault): boolean {
    this.nextFault = undefined;
    if (fault === 'hang') this.state = 'hung';
    else this.exit('a test made it die');
    return true;
  }

  private stop(): void {
    this.state = 'stopped';
    this.nextFault = undefined;
    clearImmediate(this.scheduled);
    this.scheduled = undefined;
    this.end.unpark();
  }

  private scheduleStep(): void {
    if (this.device.manual || this.state !== 'running') return;
    this.scheduled = setImmediate(() => {
      if (this.step()) this.scheduleStep();
      else this.park();
    });
  }

  private park(): void {
    if (this.state !== 'running') return;
    const end = this.end;
    this.parked = end.parkOnLoop().then(() => {
      this.parked = undefined;
      if (this.end !== end || this.state !== 'running') return;
      end.beginLease();
      this.scheduleStep();
    });
  }
}
