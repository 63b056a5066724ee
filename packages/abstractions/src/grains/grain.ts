import type { GpuPlacementStrategy } from '../placement/placement.js';
import type { RemoteForm } from './remote-form.js';
import type { RequestContext } from './request-context.js';
import type { GrainStorage } from './storage.js';
import type { GrainReminders, ReminderTick, Schedule } from './timers.js';

/** A virtual actor's identity: it always exists, and is activated when called. */
export interface GrainId {
  readonly type: string;
  readonly key: string;
}

/** What an activation knows of its surroundings. */
export interface GrainContext {
  readonly id: GrainId;
  /** Unique per in-memory instance of the grain. */
  readonly activationId: string;
  readonly siloId: string;
  /** References to other grains. */
  readonly grainFactory: GrainFactory;
  /** Of the turn that runs, empty outside of one; in reentrant grains and interleaving methods up to the first `await`. */
  readonly request: RequestContext;
  /** Of a keyed grain: grows with every activation of its key in the cluster. 0 of a stateless worker. */
  readonly fencingToken: number;
  /** @throws GpuBridgeError `INVALID_ARGUMENT` in a class without `persistent`. */
  readonly storage: GrainStorage;
  /** Keyed grains only, whose class has `receiveReminder`. */
  readonly reminders: GrainReminders;
  /**
   * Calls back while this activation lives, as a turn of its own like a call's; it keeps the activation alive no longer. A
   * period starts when the turn before has ended. What it throws is logged. Call filters do not see it.
   */
  registerTimer(callback: () => Promise<void> | void, schedule: Schedule): Disposable;
  /** Ends this activation after the current turns; the next call makes a new one. */
  deactivateOnIdle(): void;
  /** Keeps this activation from being collected as idle until it is disposed of: it has work that no call waits for. */
  keepActive(): Disposable;
  /**
   * Moves a keyed grain to another silo of its cluster: ends this activation after the current turns, and has the other silo
   * make the next one. Calls that wait or come meanwhile go there. Where that silo dies first, the next call places the grain anew.
   *
   * @param siloId - Default: the placement director chooses among the other silos.
   * @throws GpuBridgeError `INVALID_ARGUMENT` for a silo that is unknown, drains, does not host the grain's type or is this one,
   *   where no other silo hosts it, and in a silo without a cluster; `SILO_UNREACHABLE` for one under suspicion; without a name
   *   also what the director throws. Then nothing has happened.
   */
  migrateOnIdle(siloId?: string): void;
}

/** Optional hooks of a grain class. */
export interface Grain {
  /** Runs before the first call; a failure fails that call and leaves no activation. */
  onActivate?(): Promise<void>;
  /**
   * Told once that this activation is going while turns of it may still run, so that calls that wait for something inside the
   * grain can be let go; `onDeactivate` comes when they have ended. Must not throw.
   */
  onDeactivating?(reason: DeactivationReason): void;
  /** Runs after the last call. */
  onDeactivate?(reason: DeactivationReason): Promise<void>;
  /** Runs as a turn when a reminder of this grain is due. A failure is logged, and the reminder repeated. */
  receiveReminder?(name: string, tick: ReminderTick): Promise<void>;
}
/**
 * `fenced`: the silo has lost the grain, which may already be active elsewhere; nothing may be written any more. `migrating`: once
 * the hook has ended, another silo makes the next activation.
 */
export type DeactivationReason = 'idle' | 'requested' | 'migrating' | 'stopping' | 'fenced';

/** How a grain class is hosted. */
export interface GrainOptions {
  /** Grain type name; unique in the silo. */
  readonly type: string;
  /**
   * `keyed`: one activation per key, one turn at a time. `stateless-worker`: local activations, up to `maxLocal` per
   * key, each one turn at a time.
   */
  readonly kind: 'keyed' | 'stateless-worker';
  /** Stateless workers only; 1 … 1024, default: the cores this process may use. */
  readonly maxLocal?: number;
  /**
   * Lets calls interleave at `await`s: turns start without waiting for the one before. Default false: a grain that calls
   * itself, also by way of others, then waits for its own turn to end, until a deadline passes and without one for ever.
   */
  readonly reentrant?: boolean;
  /** Methods of a non-reentrant grain that may run between the turns of others, for example those that only read. */
  readonly interleaving?: readonly string[];
  /**
   * Methods that may run twice: repeated elsewhere when a silo died with a call and nobody knows how far it came. `all`: every
   * method. Other calls fail with `OUTCOME_UNKNOWN` then. Default none.
   */
  readonly idempotent?: 'all' | readonly string[];
  /** Keyed grains only: has `context.storage`, sealed under the fencing token before the first call. Default false. */
  readonly persistent?: boolean;
  readonly placement?: GpuPlacementStrategy;
  /** By method: how arguments and results that are no plain data reach another silo. */
  readonly remoteForms?: Readonly<Record<string, RemoteForm>>;
}

/** A grain class as it is registered: options, and how an activation is made from resolved services. */
export interface GrainClass<G extends object = object> {
  readonly options: GrainOptions;
  create(context: GrainContext): G & Grain;
  /**
   * What `RemoteSide.call` may name beside methods: functions of the silo rather than of an activation, for what a call has
   * left on it and its caller still wants when the grain is active elsewhere. Neither queue, nor filters, nor fencing are
   * in their way; anybody in the cluster may call them, so they check their arguments and whose request it is.
   */
  readonly followUps?: Readonly<Record<string, (request: RequestContext, ...args: unknown[]) => unknown>>;
}

/** Names a grain type to a caller, and carries the type of its methods; every `GrainClass` names its own. */
export interface GrainType<G extends object = object> {
  readonly options: Pick<GrainOptions, 'type' | 'placement' | 'remoteForms' | 'idempotent'>;
  /** Type carrier; never set. */
  readonly grain?: G;
}

/**
 * A grain's methods as a caller sees them. Every result is a promise: an async iterable arrives through one, since the
 * grain may have to be activated first.
 */
export type GrainReference<G> = {
  readonly [K in CallableKeys<G>]: G[K] extends ((...args: infer A) => infer R extends AsyncIterable<unknown>)
    ? (...args: A) => Promise<R>
    : G[K];
};
type CallableKeys<G> = {
  [K in keyof G]: K extends keyof Grain
    ? never
    : G[K] extends (...args: never[]) => Promise<unknown> | AsyncIterable<unknown>
      ? K
      : never;
}[keyof G];

/** Hands out references; making one activates nothing. */
export interface GrainFactory {
  /**
   * @param grain - a class, or its type alone. The class is found by `options.type`, here or on another silo.
   * @param request - what travels with every call of this reference.
   * @throws GpuBridgeError `GRAIN_NOT_FOUND` when the type is not registered and this silo is in no cluster (in a cluster calls
   *   say so), `INVALID_ARGUMENT` for a bad key or context.
   */
  getGrain<G extends object>(
    grain: GrainClass<G> | GrainType<G>,
    key: string,
    request?: RequestContext,
  ): GrainReference<G>;
}
