import { GpuBridgeError, LifecycleStage, invariant } from '@gpu-bridge/abstractions';
import type {
  Cancellable,
  Clock,
  DeviceCapacity,
  GpuPlacementDirector,
  GrainCallFilter,
  GrainClass,
  GrainFactory,
  GrainReference,
  GrainType,
  LifecycleParticipant,
  Logger,
  RequestContext,
} from '@gpu-bridge/abstractions';
import { LocalActivationServices } from '../activations/activation-services.js';
import type { ActivationServices } from '../activations/activation-services.js';
import { checkFilters, filterCalls } from '../activations/call-filters.js';
import type { FilterCall } from '../activations/call-filters.js';
import { CallLimits } from '../activations/call-limits.js';
import type { GrainSlot } from '../activations/grain-slot.js';
import { RegisteredGrain } from '../activations/registered-grain.js';
import type { SlotHost } from '../activations/slot-host.js';
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
  /** Around every call, the first one outermost. */
  readonly callFilters?: readonly GrainCallFilter[];
  /** Default: those of a silo without a cluster. */
  readonly activationServices?: ActivationServices;
  /** Asked before every turn of a keyed grain; cheap. While it says no, such calls fail with `LEASE_FENCED`. Default: always. */
  readonly mayRunKeyed?: () => boolean;
}

export type SiloState = 'created' | 'started' | 'draining' | 'stopped';

/** Figures of one grain type. */
export interface GrainTypeInfo {
  /** In-memory instances, those that activate or deactivate included. */
  readonly activations: number;
  /** Calls accepted for which no turn has started. */
  readonly waitingCalls: number;
  /** Calls whose turn has started and not ended. */
  readonly runningCalls: number;
  /** Calls whose turn has ended well, since the start. */
  readonly servedCalls: number;
  /** Calls whose turn has ended with an error, since the start. */
  readonly failedCalls: number;
}

/** Snapshot of a silo. */
export interface SiloInfo {
  readonly siloId: string;
  readonly state: SiloState;
  /** In-memory instances, those that activate or deactivate included. */
  readonly activations: number;
  /** Calls accepted for which no turn has started. */
  readonly waitingCalls: number;
  /** By grain type. */
  readonly grains: Readonly<Record<string, GrainTypeInfo>>;
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
  private readonly callLimits: CallLimits;
  private readonly host: SlotHost;
  private readonly outgoingFilter: FilterCall | undefined;
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
    const filters = checkFilters(services.callFilters ?? []);
    this.outgoingFilter = filterCalls(filters, 'outgoing');
    this.callLimits = new CallLimits(services.clock);
    this.host = this.slotHost(services, filterCalls(filters, 'incoming'), callQueueLimit);
    const placements = new PlacementResolver({
      siloId,
      clock: services.clock,
      logger: services.logger,
      directors: services.placementDirectors ?? builtInDirectors(),
      capacity: new CapacityLedger(placedCallLimit),
      devices: services.describeDevices ?? (() => []),
      activations: () => this.activations,
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
    const grains: Record<string, GrainTypeInfo> = {};
    let waitingCalls = 0;
    for (const [type, { counts }] of this.slotTables) {
      const { started, served, failed } = counts;
      grains[type] = {
        activations: counts.activations,
        waitingCalls: counts.waitingCalls,
        runningCalls: started - served - failed,
        servedCalls: served,
        failedCalls: failed,
      };
      waitingCalls += counts.waitingCalls;
    }
    return { siloId: this.siloId, state: this.state, activations: this.activations, waitingCalls, grains };
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

  /**
   * Another silo may have the keyed grains of this one by now: forgets their activations at once, waiting calls fail with
   * `LEASE_FENCED`, running ones when their turn ends. From then on keyed grains are activated anew, as `mayRunKeyed` lets
   * them.
   *
   * @returns when the `onDeactivate` of all activations that were in no turn has ended.
   */
  async fenceKeyed(): Promise<void> {
    await Promise.all([...this.slots].map((slot) => slot.fence()));
  }

  private get activations(): number {
    let activations = 0;
    for (const { counts } of this.slotTables.values()) activations += counts.activations;
    return activations;
  }

  private register(grain: RegisteredGrain): void {
    if (this.slotTables.has(grain.type)) {
      throw GpuBridgeError.invalidArgument('grainClasses', grain.type, 'grain classes of different types');
    }
    this.slotTables.set(grain.type, new SlotTable(grain, this.host, this.outgoingFilter));
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
    this.callLimits.close();
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
  private slotHost(
    { clock, logger, activationServices, mayRunKeyed }: SiloServices,
    incomingFilter: FilterCall | undefined,
    callQueueLimit: number,
  ): SlotHost {
    const state = () => this.state;
    return {
      siloId: this.siloId,
      callQueueLimit,
      clock,
      logger,
      callLimits: this.callLimits,
      activationServices: activationServices ?? new LocalActivationServices(),
      incomingFilter,
      mayRunKeyed: mayRunKeyed ?? (() => true),
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
