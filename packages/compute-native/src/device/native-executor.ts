import type { Executor } from '@gpu-bridge/abstractions';
import type { SiloEnd } from '@gpu-bridge/protocol';

/** What an executor asks of the device that it shares its process with. */
export interface ExecutorOwner {
  /** Begins the next incarnation of all executors, or joins the one that begins or runs. */
  start(): Promise<void>;
  /** Ends the process; the others hear of it. */
  end(killed: NativeExecutor): Promise<void>;
  hostHeartbeat(): number;
  holdsChanged(): void;
}

/** One ring of a device host, and the thread that serves it there. Starts and ends with all others of its device. */
export class NativeExecutor implements Executor {
  generation = 0;
  onExit: Executor['onExit'];
  isHeld = false;
  /** Whether its incarnation runs, as far as its owner was told. */
  isUp = false;

  constructor(
    readonly group: number,
    public ring: SiloEnd,
    private readonly owner: ExecutorOwner,
  ) {}

  start(): Promise<void> {
    return this.isUp ? Promise.resolve() : this.owner.start();
  }

  kill(): Promise<void> {
    return this.owner.end(this);
  }

  hostHeartbeat(): number {
    return this.owner.hostHeartbeat();
  }

  hold(keep: boolean): void {
    this.isHeld = keep;
    this.owner.holdsChanged();
  }
}
