import { GpuBridgeError, LifecycleStage, invariant } from '@gpu-bridge/abstractions';
import type {
  Cancellable,
  Clock,
  ClusterPort,
  ClusterView,
  DeviceCapacity,
  GpuPlacementDirector,
  GrainCallFilter,
  GrainClass,
  GrainFactory,
  GrainReference,
  GrainType,
  LifecycleParticipant,
  Logger,
  LostSilo,
  RequestContext,
  SiloStatus,
} from '@gpu-bridge/abstractions';
import { LocalActivationServices } from '../activations/activation-services.js';
import { checkFilters, filterCalls } from '../activations/call-filters.js';
import type { FilterCall } from '../activations/call-filters.js';
import type { ActivationServices } from '../activations/activation-services.js';
import { CallLimits } from '../activations/call-limits.js';
import type { GrainSlot } from '../activations/grain-slot.js';
import { RegisteredGrain } from '../activations/registered-grain.js';
import type { SlotHost } from '../activations/slot-host.js';
import { Membership } from '../membership/membership.js';
import { builtInDirectors } from '../placement/built-in-directors.js';
import { CapacityLedger } from '../placement/capacity-ledger.js';
import { PlacementResolver } from '../placement/placement-resolver.js';
import { referencedGrain } from '../references/grain-references.js';
import { NO_REQUEST, checkRequest } from '../references/request-context.js';
import { SlotTable } from '../references/slot-table.js';
import { CallRefused } from '../routing/call-refused.js';
import { SiloCluster, hostFigures } from '../routing/silo-cluster.js';
import type { SiloClusterInfo } from '../routing/silo-cluster.js';
import { UnhostedGrains } from '../routing/unhosted-grains.js';
import { resolveSiloOptions } from './silo-options.js';
import type { ResolvedSiloOptions, SiloOptions } from './silo-options.js';

/** What a silo is made of. */
export interface SiloServices {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly grainClasses: readonly GrainClass[];
  /** Default: `prefer-local`, `random`, `hash`, `least-loaded` and `named-silo`. */
  readonly placementDirectors?: readonly GpuPlacementDirector[];
  /** Asked when a director wants to know; default: a silo without devices. */
  readonly describeDevices?: () => readonly DeviceCapacity[];
  /** Around every call, the first one outermost. */
  readonly callFilters?: readonly GrainCallFilter[];
  /** The engine that connects it to other silos, and keeps state; opened and closed by the silo. Default: a silo alone. */
  readonly port?: ClusterPort;
  /** Default: those of the cluster, or of a silo alone. */
  readonly activationServices?: ActivationServices;
  /** Asked before every turn of a keyed grain; cheap. While it says no, such calls are refused. Default: as the cluster says. */
  readonly mayRunKeyed?: () => boolean;
  /** Numbers from 0 up to 1, for directors that draw; simulations bring their own. Default: `Math.random`. */
  readonly random?: () => number;
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
  /** Placements since the start that gave less than was wanted. */
  readonly placementFallbacks: number;
  /** Calls that directors of other silos have placed here: those that run, and those refused since the start. */
  readonly placedCalls: { readonly running: number; readonly refused: number };
  /** Undefined of a silo alone. */
  readonly cluster: SiloClusterInfo | undefined;
}

/**
 * Hosts grains: virtual actors that exist as long as someone knows their key, and are in memory only while they are
 * used. Calls are accepted from `start` to `stop`; a call runs in its caller's stack when the activation is free.
 *
 * Arguments and results are passed as they are, and may not be changed after the call.
 */
export class Silo implements GrainFactory, ClusterView, LifecycleParticipant {
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
  private readonly capacity: CapacityLedger;
  private readonly placements: PlacementResolver;
  private readonly cluster: SiloCluster | undefined;
  private readonly unhosted: UnhostedGrains | undefined;
  private readonly outgoingFilter: FilterCall | undefined;
  private readonly describeDevices: () => readonly DeviceCapacity[];
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
    const resolved = resolveSiloOptions(options);
    const { clock, logger, port, describeDevices = () => [] } = services;
    this.siloId = resolved.siloId;
    this.idleAfterMs = resolved.idleAfterMs;
    this.sweepIntervalMs = resolved.sweepIntervalMs;
    this.drainTimeoutMs = resolved.drainTimeoutMs;
    this.clock = clock;
    this.logger = logger;
    this.describeDevices = describeDevices;
    const filters = checkFilters(services.callFilters ?? []);
    this.outgoingFilter = filterCalls(filters, 'outgoing');
    this.callLimits = new CallLimits(clock);
    const membership = port && this.membershipOn(port, describeDevices, resolved);
    this.capacity = new CapacityLedger(resolved.placedCallLimit, () => membership?.announce());
    this.placements = new PlacementResolver({
      siloId: this.siloId,
      clock,
      logger,
      members: membership,
      directors: services.placementDirectors ?? builtInDirectors(),
      random: services.random,
      capacity: this.capacity,
      devices: describeDevices,
      activations: () => this.activations,
    });
    if (port !== undefined && membership !== undefined) {
      this.cluster = this.clusterOn(port, membership, resolved);
      this.unhosted = this.unhostedGrains(this.cluster, membership);
    }
    this.host = this.slotHost(services, filterCalls(filters, 'incoming'), resolved.callQueueLimit);
    for (const grainClass of services.grainClasses) this.register(new RegisteredGrain(grainClass, this.placements));
  }

  getGrain<G extends object>(
    grain: GrainClass<G> | GrainType<G>,
    key: string,
    request: RequestContext = NO_REQUEST,
  ): GrainReference<G> {
    const type = grain?.options?.type;
    const slotTable = this.slotTables.get(type);
    const references = slotTable ?? (typeof type === 'string' ? this.unhosted : undefined);
    if (references === undefined) {
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
    const checked = checkRequest(request);
    const reference = slotTable?.reference(key, checked) ?? this.unhosted!.reference(grain, key, checked);
    return reference as GrainReference<G>;
  }

  getInfo(): SiloInfo {
    const grains: Record<string, GrainTypeInfo> = {};
    let waitingCalls = 0;
    for (const [type, { grain }] of this.slotTables) {
      const { counts } = grain;
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
    const { siloId, state, activations, capacity } = this;
    return {
      ...{ siloId, state, activations, waitingCalls, grains },
      placementFallbacks: this.placements.fallbackCount,
      placedCalls: { running: capacity.inUse, refused: capacity.refused },
      cluster: this.cluster?.getInfo(),
    };
  }

  silos(): readonly SiloStatus[] {
    if (this.cluster !== undefined) return this.cluster.silos();
    const { siloId } = this;
    const state = this.state === 'created' ? 'joining' : this.state === 'started' ? 'active' : 'draining';
    return [{ siloId, address: siloId, state, seenAgoMs: 0, devices: this.describeDevices() }];
  }

  lost(): readonly LostSilo[] {
    return this.cluster?.lost() ?? [];
  }

  /**
   * Accepts calls; in a cluster, once this silo has joined it.
   *
   * @throws GpuBridgeError `CLUSTER_UNAVAILABLE` when the engine of the cluster cannot be reached.
   */
  async start(): Promise<void> {
    invariant(this.state === 'created', 'a silo starts once');
    try {
      await this.cluster?.join();
      this.state = 'started';
      this.scheduleSweep();
      await this.cluster?.activate();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /**
   * Refuses new calls with `DRAINING`, those of grains to grains included; finishes the calls it has accepted, those of other
   * silos too; deactivates every grain. After `drainTimeoutMs` it fails the calls that wait and leaves running turns to
   * themselves: their activations get no `onDeactivate`. Then it leaves its cluster.
   */
  stop(): Promise<void> {
    this.stopping ??= this.drain();
    return this.stopping;
  }

  /**
   * Another silo may have the keyed grains of this one by now: forgets their activations at once, waiting calls go elsewhere,
   * running ones fail with `LEASE_FENCED` when their turn ends. From then on keyed grains are activated anew.
   *
   * @returns when the `onDeactivate` of all activations that were in no turn has ended.
   */
  async fenceKeyed(): Promise<void> {
    await Promise.all([...this.slots].map((slot) => slot.fence()));
  }

  private get activations(): number {
    let activations = 0;
    for (const { grain } of this.slotTables.values()) activations += grain.counts.activations;
    return activations;
  }

  private register(grain: RegisteredGrain): void {
    if (this.slotTables.has(grain.type)) {
      throw GpuBridgeError.invalidArgument('grainClasses', grain.type, 'grain classes of different types');
    }
    const { cluster } = this;
    const route = cluster && ((slot: GrainSlot) => cluster.route(slot.id, grain, slot));
    this.slotTables.set(grain.type, new SlotTable(grain, this.host, this.outgoingFilter, route));
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
    const served = this.cluster?.drain();
    for (const slot of this.slots) slot.retireIdle();
    await this.inTime(Promise.all([served, this.vacated()]));
    this.state = 'stopped';
    if (this.slots.size > 0) this.abandon();
    this.callLimits.close();
    await this.cluster?.leave();
  }

  private vacated(): Promise<void> {
    if (this.slots.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.drained = resolve));
  }

  /** Waits for the end of a drain, or of the time that it has. */
  private async inTime(drained: Promise<unknown>): Promise<void> {
    let timer: Cancellable | undefined;
    const late = new Promise<void>((resolve) => (timer = this.clock.schedule(resolve, this.drainTimeoutMs)));
    await Promise.race([drained, late]);
    timer?.cancel();
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

  /** This silo among the members of a cluster. */
  private membershipOn(
    port: ClusterPort,
    devices: () => readonly DeviceCapacity[],
    { siloId, clusterEpoch, beatIntervalMs, leaseMs, fenceAfterMs }: ResolvedSiloOptions,
  ): Membership {
    const describe = () => {
      const grains = [...this.slotTables.values()].map(({ grain }) => grain);
      return {
        ...hostFigures(),
        grainTypes: grains.map(({ type }) => type),
        statelessTypes: grains.filter(({ keyed }) => !keyed).map(({ type }) => type),
        devices: devices(),
        activations: this.activations,
        placedCalls: this.capacity.inUse,
        placedCallLimit: this.capacity.limit,
      };
    };
    const rejoined = async (address: string): Promise<void> => this.cluster?.listen(address);
    return new Membership(
      { port, clock: this.clock, logger: this.logger, describe, rejoined },
      { siloId, clusterEpoch, beatMs: beatIntervalMs, leaseMs, fenceAfterMs },
    );
  }

  private clusterOn(port: ClusterPort, membership: Membership, options: ResolvedSiloOptions): SiloCluster {
    const { siloId, clock, logger, placements, capacity } = this;
    const { clusterEpoch, leaseMs, maxServedCalls, maxMessageMiB } = options;
    return new SiloCluster(
      {
        ...{ siloId, port, clock, logger, membership, capacity, placement: placements },
        references: {
          toId: (value) => {
            const grain = referencedGrain(value);
            return grain && { grain };
          },
          fromId: ({ type, key }) => this.getGrain({ options: { type } }, key),
        },
        find: (type) => this.slotTables.get(type),
        fence: () => this.fenceKeyed(),
      },
      { clusterEpoch, leaseMs, maxServedCalls, maxMessageBytes: maxMessageMiB * 2 ** 20 },
    );
  }

  private unhostedGrains(cluster: SiloCluster, membership: Membership): UnhostedGrains {
    return new UnhostedGrains({
      membership,
      placement: this.placements,
      outgoingFilter: this.outgoingFilter,
      route: (id, type) => cluster.route(id, type, undefined),
    });
  }

  /** The silo as its slots see it. */
  private slotHost(
    { activationServices, mayRunKeyed }: SiloServices,
    incomingFilter: FilterCall | undefined,
    callQueueLimit: number,
  ): SlotHost {
    const state = () => this.state;
    const { clock, logger, cluster } = this;
    return {
      siloId: this.siloId,
      callQueueLimit,
      clock,
      logger,
      callLimits: this.callLimits,
      activationServices: activationServices ?? cluster ?? new LocalActivationServices(),
      incomingFilter,
      mayRunKeyed: mayRunKeyed ?? (() => cluster?.mayRunKeyed() ?? true),
      refuse: cluster === undefined ? (reason) => reason : (reason) => new CallRefused(reason),
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
