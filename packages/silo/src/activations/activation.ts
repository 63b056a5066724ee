import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  Grain,
  GrainContext,
  GrainFactory,
  GrainId,
  GrainReminders,
  GrainStorage,
  RequestContext,
} from '@gpu-bridge/abstractions';
import type { GrainMethod } from './grain-method.js';

/** Who hears of an activation's changes. */
export interface ActivationOwner {
  turnEnded(activation: Activation): void;
  deactivationRequested(activation: Activation): void;
}

/** One in-memory instance of a grain, and the turns it is in. */
export class Activation implements GrainContext {
  state: 'activating' | 'active' | 'deactivating' = 'activating';
  /** Turns started and not ended; above 1 only in reentrant grains. */
  runningTurns = 0;
  /** Set once: it takes no further calls, and goes when its turns have ended. */
  retiring = false;
  instance!: Grain & object;

  private startedTurns = 0;
  private sweptTurns = -1;
  private idleSinceMs = 0;

  constructor(
    readonly id: GrainId,
    readonly activationId: string,
    readonly siloId: string,
    readonly grainFactory: GrainFactory,
    private readonly owner: ActivationOwner,
  ) {}

  readonly request: RequestContext = {};
  readonly fencingToken = 0;

  get storage(): GrainStorage {
    throw unavailable(this.id, 'storage');
  }

  get reminders(): GrainReminders {
    throw unavailable(this.id, 'reminders');
  }

  registerTimer(): Disposable {
    throw unavailable(this.id, 'timers');
  }

  deactivateOnIdle(): void {
    if (this.retiring) return;
    this.retiring = true;
    this.owner.deactivationRequested(this);
  }

  /**
   * Calls a method now; the turn ends when its promise settles. A method that returns anything else, an async iterable
   * for example, has ended its turn by returning.
   */
  startTurn(method: GrainMethod, args: unknown[]): Promise<unknown> {
    this.runningTurns++;
    this.startedTurns++;
    let result: unknown;
    try {
      result = method.bodyIn(this.instance).apply(this.instance, args);
    } catch (error) {
      this.endTurn();
      return rejected(error);
    }
    // The caller gets the derived promise, not the grain's: so a rejection nobody handles is still reported.
    if (result instanceof Promise) return result.then(this.succeed, this.fail);
    if (isThenable(result)) return Promise.resolve(result).then(this.succeed, this.fail);
    this.endTurn();
    return Promise.resolve(result);
  }

  /**
   * Whether it has been without a turn for `idleAfterMs`. Counts turns between sweeps instead of reading the clock in
   * every call, so time counts from the first sweep that found it idle.
   */
  isIdleSince(nowMs: number, idleAfterMs: number): boolean {
    if (this.runningTurns > 0) this.sweptTurns = -1;
    else if (this.sweptTurns !== this.startedTurns) {
      this.sweptTurns = this.startedTurns;
      this.idleSinceMs = nowMs;
    }
    return this.runningTurns === 0 && nowMs - this.idleSinceMs >= idleAfterMs;
  }

  // One pair of functions per activation, not per call.
  private readonly succeed = (value: unknown): unknown => {
    this.endTurn();
    return value;
  };
  private readonly fail = (error: unknown): never => {
    this.endTurn();
    throw error;
  };

  private endTurn(): void {
    this.runningTurns--;
    this.owner.turnEnded(this);
  }
}

function unavailable({ type, key }: GrainId, what: string): GpuBridgeError {
  return new GpuBridgeError(
    'STORAGE_UNAVAILABLE',
    { what, reason: 'not there' },
    `grain ${type}/${key} has no ${what}`,
  );
}

/** What the grain threw, whatever it is, as an async method would have passed it on. */
async function rejected(error: unknown): Promise<never> {
  throw error;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
