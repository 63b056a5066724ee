import type { GpuPlacementStrategy } from '../placement/placement.js';

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
  /** Ends this activation after the current turns; the next call makes a new one. */
  deactivateOnIdle(): void;
}

/** Optional hooks of a grain class. */
export interface Grain {
  /** Runs before the first call; a failure fails that call and leaves no activation. */
  onActivate?(): Promise<void>;
  /** Runs after the last call. */
  onDeactivate?(reason: DeactivationReason): Promise<void>;
}
export type DeactivationReason = 'idle' | 'requested' | 'stopping';

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
  /** Lets calls interleave at `await`s: turns start without waiting for the one before. Default false. */
  readonly reentrant?: boolean;
  readonly placement?: GpuPlacementStrategy;
}

/** A grain class as it is registered: options, and how an activation is made from resolved services. */
export interface GrainClass<G extends object = object> {
  readonly options: GrainOptions;
  create(context: GrainContext): G & Grain;
}

/** Names a grain type to a caller, and carries the type of its methods; every `GrainClass` names its own. */
export interface GrainType<G extends object = object> {
  readonly options: Pick<GrainOptions, 'type'>;
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
   * @param grain - a registered class, or its type alone. The class is found by `options.type`.
   * @throws GpuBridgeError `GRAIN_NOT_FOUND` when the type is not registered, `INVALID_ARGUMENT` for a bad key.
   */
  getGrain<G extends object>(grain: GrainClass<G> | GrainType<G>, key: string): GrainReference<G>;
}
