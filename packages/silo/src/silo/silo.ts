import { GpuBridgeError, LifecycleStage, invariant } from '@gpu-bridge/abstractions';
import type {
  Cancellable,
  Clock,
  DeviceCapacity,
  GpuPlacementDirector,
  GrainClass,
  GrainFactory,
  GrainReference,
  GrainType,
  LifecycleParticipant,
  Logger,
  RequestContext,
} from '@gpu-bridge/abstractions';
import type { GrainSlot, SlotHost } from '../activations/grain-slot.js';
import { RegisteredGrain } from '../activations/registered-grain.js';
import { builtInDirectors } from '../placement/built-in-directors.js';
import { CapacityLedger } from '../placement/capacity-ledger.js';
import { PlacementResolver } from '../placement/placement-resolver.js';
import { NO_REQUEST, checkRequest } from '../references/request-context.js';
import { SlotTable } from '../references/slot-table.js';
import { resolveSiloOptions } from './silo-options.js';
import type { SiloOptions } from './silo-options.js';

/** What a silo is made of. */
export interface SiloServices {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly grainClasses: readonly GrainClass[];
  /** Default: `prefer-local`, `random`, `hash` and `least-loaded`. */
  readonly placementDirectors?: readonly GpuPlacementDirector[];
  /** Asked when a director wants to know; default: a silo without devices. */
  readonly describeDevices?: () => readonly DeviceCapacity[];
}

export type SiloState = 'created' | 'started' | 'draining' | 'stopped';

/** Snapshot of a silo. */
export interface SiloInfo {
  readonly siloId: string;
  readonly state: SiloState;
  /** In-memory instances, those that activate or deactivate included. */
  readonly activations: number;
  /** Calls accepted for which no turn has started. */
  readonly waitingCalls: number;
}

/**
 * Hosts grains: virtual actors that exist as long as someone knows their key, and are in memory only while they are
 * used. Calls are accepted from `start` to `stop`; a call runs in its caller's stack when the activation is free.
 *
 * Arguments and results are passed as they are, and may not be changed after the call.
 */
export class Silo implements GrainFactory, LifecycleParticipant {
  readonly name = 'silo';
  readonly stage = LifecycleStage.Grains;
  readonly siloId: string;

  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly idleAfterMs: number;
  private readonly sweepIntervalMs: number;
  private readonly drainTimeoutMs: number;
  private readonly slotTables = new Map<string, SlotTable>();
  private readonly host: SlotHost;
  /** Every slot with an activation; this is what keeps activations alive. */
  private readonly slots = new Set<GrainSlot>();
  private state: SiloState = 'created';
  private activationsMade = 0;
  private sweepTimer: Cancellable | undefined;
  private stopping: Promise<void> | undefined;
  private drained: (() => void) | undefined;

  /**
   * @throws GpuBridgeError `INVALID_ARGUMENT` for a bad option, a bad grain class, a grain type registered twice, or a
   *   placement strategy whose director is not there.
   */
  constructor(services: SiloServices, options?: SiloOptions) {
    const { siloId, idleAfterMs, sweepIntervalMs, drainTimeoutMs, callQueueLimit, placedCallLimit } =
      resolveSiloOptions(options);
    this.siloId = siloId;
    this.idleAfterMs = idleAfterMs;
    this.sweepIntervalMs = sweepIntervalMs;
    this.drainTimeoutMs = drainTimeoutMs;
    this.clock = services.clock;
    this.logger = services.logger;
    this.host = this.slotHost(callQueueLimit);
    const placements = new PlacementResolver({
      siloId,
      clock: services.clock,
      logger: services.logger,
      directors: services.placementDirectors ?? builtInDirectors(),
      capacity: new CapacityLedger(placedCallLimit),
      devices: services.describeDevices ?? (() => []),
      activations: () => this.getInfo().activations,
    });
    for (const grainClass of services.grainClasses) this.register(new RegisteredGrain(grainClass, placements));
  }

  getGrain<G extends object>(
    grain: GrainClass<G> | GrainType<G>,
    key: string,
    request: RequestContext = NO_REQUEST,
  ): GrainReference<G> {
    const type = grain?.options?.type;
    const slotTable = this.slotTables.get(type);
    if (slotTable === undefined) {
      const known = [...this.slotTables.keys()];
      throw new GpuBridgeError(
        'GRAIN_NOT_FOUND',
        { grain: type, known },
        `no grain class of type ${type} is registered`,
      );
    }
    if (typeof key !== 'string' || key.length < 1 || key.length > 256) {
      throw GpuBridgeError.invalidArgument('key', key, 'a string of 1..256 characters');
    }
    return slotTable.reference(key, checkRequest(request)) as GrainReference<G>;
  }

  getInfo(): SiloInfo {
    let activations = 0;
    let waitingCalls = 0;
    for (const slot of this.slots) {
      activations += slot.activationCount;
      waitingCalls += slot.waitingCalls;
    }
    return { siloId: this.siloId, state: this.state, activations, waitingCalls };
  }

  start(): Promise<void> {
    invariant(this.state === 'created', 'a silo starts once');
    this.state = 'started';
    this.scheduleSweep();
    return Promise.resolve();
  }

  /**
   * Refuses new calls with `DRAINING`, those of grains to grains included; finishes the calls it has accepted;
   * deactivates every grain. After `drainTimeoutMs` it fails the calls that wait and leaves running turns to
   * themselves: their activations get no `onDeactivate`.
   */
  stop(): Promise<void> {
    this.stopping ??= this.drain();
    return this.stopping;
  }

  private register(grain: RegisteredGrain): void {
    if (this.slotTables.has(grain.type)) {
      throw GpuBridgeError.invalidArgument('grainClasses', grain.type, 'grain classes of different types');
    }
    this.slotTables.set(grain.type, new SlotTable(grain, this.host));
  }

  private scheduleSweep(): void {
    this.sweepTimer = this.clock.schedule(this.sweep, this.sweepIntervalMs);
  }

  private readonly sweep = (): void => {
    const nowMs = this.clock.nowMs();
    for (const slot of this.slots) slot.collect(nowMs, this.idleAfterMs);
    this.scheduleSweep();
  };

  private async drain(): Promise<void> {
    this.state = 'draining';
    this.sweepTimer?.cancel();
    for (const slot of this.slots) slot.retireIdle();
    if (this.slots.size > 0) await this.vacatedOrTimeout();
    this.state = 'stopped';
    if (this.slots.size > 0) this.abandon();
  }

  private vacatedOrTimeout(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.clock.schedule(resolve, this.drainTimeoutMs);
      this.drained = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  private abandon(): void {
    const left = { activations: 0, waitingCalls: 0, runningTurns: 0 };
    for (const slot of [...this.slots]) {
      const { waitingCalls, runningTurns } = slot.abandon();
      left.activations += slot.activationCount;
      left.waitingCalls += waitingCalls;
      left.runningTurns += runningTurns;
    }
    this.slots.clear();
    this.logger.warn('silo stopped before its grains were done', { siloId: this.siloId, ...left });
  }

  /** The silo as its slots see it. */
  private slotHost(callQueueLimit: number): SlotHost {
    const state = () => this.state;
    return {
      siloId: this.siloId,
      callQueueLimit,
      logger: this.logger,
      get state() {
        return state();
      },
      getGrain: (grain, key, request) => this.getGrain(grain, key, request),
      nextActivationId: () => `${this.siloId}/${++this.activationsMade}`,
      refusal: () => this.refusal(),
      occupied: (slot) => {
        this.slots.add(slot);
      },
      vacated: (slot) => {
        this.slots.delete(slot);
        if (this.slots.size === 0) this.drained?.();
      },
    };
  }

  private refusal(): GpuBridgeError {
    if (this.state === 'created')
      return GpuBridgeError.invalidArgument('silo', this.state, 'started before grains are called');
    return new GpuBridgeError('DRAINING', { what: this.siloId }, `silo ${this.siloId} accepts no more calls`);
  }
}
