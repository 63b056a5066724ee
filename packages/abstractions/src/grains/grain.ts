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

/** A grain's methods as a caller sees them: every result is a promise or an async iterable. */
export type GrainReference<G> = {
  readonly [K in keyof G as G[K] extends (...args: never[]) => Promise<unknown> | AsyncIterable<unknown> ? K : never]: G[K];
};

/** Hands out references; making one activates nothing. */
export interface GrainFactory {
  /**
   * @throws GpuBridgeError `GRAIN_NOT_FOUND` when the class is not registered, `INVALID_ARGUMENT` for a bad key.
   */
  getGrain<G extends object>(grainClass: GrainClass<G>, key: string): GrainReference<G>;
}
