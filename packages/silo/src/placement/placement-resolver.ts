import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  CallPlacement,
  Clock,
  GpuPlacementDirector,
  GpuPlacementStrategy,
  GrainId,
  Logger,
  PlacementContext,
  RequestContext,
  SiloCandidate,
} from '@gpu-bridge/abstractions';
import { BUSY_RETRY_AFTER_NS } from './capacity-ledger.js';
import { ClusterCandidates } from './cluster-candidates.js';
import type { LiveMembers, TypeCandidates } from './cluster-candidates.js';
import { PlacedCalls } from './placed-calls.js';
import { PlacementFallbacks } from './placement-fallbacks.js';
import { PREFER_LOCAL } from './prefer-local-placement-director.js';
import { LocalCandidate } from './silo-candidates.js';
import type { LocalFigures } from './silo-candidates.js';

/** How the grains of one class are placed. */
export interface ClassPlacement {
  readonly director: GpuPlacementDirector;
  readonly strategy: GpuPlacementStrategy;
}

/** The part of a grain class that its placement follows from. */
export interface PlacedClass {
  readonly type: string;
  readonly placement: ClassPlacement;
}

export interface PlacementServices extends LocalFigures {
  readonly logger: Logger;
  readonly directors: readonly GpuPlacementDirector[];
  /** Default: a silo alone. */
  readonly members?: LiveMembers | undefined;
  /** Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** What a director is shown of one choice; one object for all choices, since none outlives its call. */
class Choice implements PlacementContext {
  candidates: readonly SiloCandidate[] = [];
  tenant: string | undefined;
  grainType = '';

  constructor(
    private readonly clock: Clock,
    private readonly fallbacks: PlacementFallbacks,
    readonly random: () => number,
  ) {}

  get nowMs(): number {
    return this.clock.nowMs();
  }

  onFallback(wanted: string, chosen: string): void {
    this.fallbacks.add(this.grainType, wanted, chosen);
  }
}

/** Finds directors by name, and has them choose among the silos there are. */
export class PlacementResolver {
  /** Calls that this silo has placed on others: the router begins and ends them here. */
  readonly placed = new PlacedCalls();

  private readonly directors = new Map<string, GpuPlacementDirector>();
  private readonly fallbacks: PlacementFallbacks;
  private readonly choice: Choice;
  private readonly alone: readonly SiloCandidate[];
  private readonly cluster: ClusterCandidates | undefined;

  /** @throws GpuBridgeError `INVALID_ARGUMENT` for two directors of one name. */
  constructor(private readonly services: PlacementServices) {
    for (const director of services.directors) {
      if (this.directors.has(director.name)) {
        throw GpuBridgeError.invalidArgument('placementDirectors', director.name, 'directors of different names');
      }
      this.directors.set(director.name, director);
    }
    const { clock, logger, members, random = Math.random } = services;
    this.fallbacks = new PlacementFallbacks(clock, logger);
    this.choice = new Choice(clock, this.fallbacks, random);
    const local = new LocalCandidate(services);
    this.alone = [local];
    this.cluster = members === undefined ? undefined : new ClusterCandidates(members, local, this.placed);
  }

  /** Placements that gave less than was wanted. */
  get fallbackCount(): number {
    return this.fallbacks.count;
  }

  /**
   * The placement of a grain class; a strategy that is left out asks for `prefer-local`.
   *
   * @throws GpuBridgeError `INVALID_ARGUMENT` when no director has the strategy's name.
   */
  resolve(field: string, strategy: GpuPlacementStrategy = { director: PREFER_LOCAL }): ClassPlacement {
    const director = this.directors.get(strategy.director);
    if (director === undefined) {
      const known = [...this.directors.keys()].join(', ') || 'a bound director (there is none)';
      throw GpuBridgeError.invalidArgument(`${field}.director`, strategy.director, `one of ${known}`);
    }
    return { director, strategy };
  }

  /**
   * The address of the silo where a grain shall be activated or, of a director that `placesEveryCall`, where this call of a
   * stateless worker shall run.
   *
   * @param exclude - addresses that refused: they are no candidates. The caller throws what they said rather than the
   *   `DEVICE_NOT_FOUND` or `SILO_BUSY` that comes when nothing is left.
   * @param wanted - what this call wants over what its class wants; from `placement` of its remote form.
   * @throws GpuBridgeError `GRAIN_NOT_FOUND` when no live silo hosts the type, `SILO_BUSY`, `DEVICE_NOT_FOUND`.
   */
  choose(
    grain: PlacedClass,
    target: GrainId,
    { tenant }: RequestContext,
    exclude?: ReadonlySet<string>,
    wanted?: CallPlacement,
  ): string {
    if (this.cluster === undefined) {
      this.ask(grain, target, tenant, this.alone, wanted);
      return this.services.siloId;
    }
    const hosts = this.cluster.of(grain.type);
    if (hosts.candidates.length === 0) throw this.notHosted(grain.type, this.cluster);
    const open = exclude === undefined || exclude.size === 0 ? hosts.candidates : without(hosts, exclude);
    if (open.length === 0) throw allRefused(grain.type, hosts.candidates);
    // A silo of this id is among the hosts, or `ask` has thrown.
    return hosts.addressOf(this.ask(grain, target, tenant, open, wanted))!;
  }

  /**
   * At an activation: whether it may be here. In a cluster the choice was made before; a silo alone asks the director.
   *
   * Not one that places calls by what devices have free, unless less than what is wanted shall be refused: there is nothing
   * to choose, and the broker of the devices says better than any director what is wrong with them.
   */
  confirm(grain: PlacedClass, target: GrainId): void {
    const { director, strategy } = grain.placement;
    if (this.cluster !== undefined || (director.placesEveryCall && strategy.fallback !== 'refuse')) return;
    this.ask(grain, target, undefined, this.alone, undefined);
  }

  private ask(
    { type, placement: { director, strategy } }: PlacedClass,
    target: GrainId,
    tenant: string | undefined,
    candidates: readonly SiloCandidate[],
    wanted: CallPlacement | undefined,
  ): string {
    const { choice } = this;
    choice.candidates = candidates;
    choice.tenant = tenant;
    choice.grainType = type;
    const chosen = director.onAddActivation(
      wanted === undefined ? strategy : { ...strategy, ...wanted },
      target,
      choice,
    );
    if (!candidates.some(({ siloId }) => siloId === chosen)) {
      const known = candidates.map(({ siloId }) => siloId).join(', ');
      throw GpuBridgeError.invalidArgument(`siloId chosen by director ${director.name}`, chosen, `one of ${known}`);
    }
    return chosen;
  }

  private notHosted(type: string, cluster: ClusterCandidates): GpuBridgeError {
    return new GpuBridgeError(
      'GRAIN_NOT_FOUND',
      { grain: type, known: cluster.types() },
      `no active silo hosts grains of type ${type}`,
    );
  }
}

function without(hosts: TypeCandidates, exclude: ReadonlySet<string>): readonly SiloCandidate[] {
  return hosts.candidates.filter(({ siloId }) => !exclude.has(hosts.addressOf(siloId)!));
}

function allRefused(type: string, candidates: readonly SiloCandidate[]): GpuBridgeError {
  return new GpuBridgeError(
    'SILO_BUSY',
    { siloId: candidates[0]!.siloId, retryAfterNs: BUSY_RETRY_AFTER_NS },
    `every silo that hosts grains of type ${type} has refused`,
  );
}
