import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  DeviceCapacity,
  GpuPlacementDirector,
  GpuPlacementStrategy,
  GrainId,
  PlacementContext,
  SiloCandidate,
} from '@gpu-bridge/abstractions';
import { PREFER_LOCAL } from './prefer-local-placement-director.js';

/** Decides on placements of one grain class. */
export type Placement = (target: GrainId) => void;

/** Finds directors by name, and has them choose among the silos there are. */
export class PlacementResolver {
  private readonly directors = new Map<string, GpuPlacementDirector>();
  private readonly context: PlacementContext;

  /** @throws GpuBridgeError `INVALID_ARGUMENT` for two directors of one name. */
  constructor(
    private readonly siloId: string,
    directors: readonly GpuPlacementDirector[],
    devices: () => readonly DeviceCapacity[],
  ) {
    for (const director of directors) {
      if (this.directors.has(director.name)) {
        throw GpuBridgeError.invalidArgument('placementDirectors', director.name, 'directors of different names');
      }
      this.directors.set(director.name, director);
    }
    const candidates = [new LocalCandidate(siloId, devices)];
    this.context = { candidates, tenant: undefined, nowMs: 0, random: Math.random, onFallback: () => undefined };
  }

  /**
   * The placement of a grain class; a strategy that is left out asks for `prefer-local`.
   *
   * @throws GpuBridgeError `INVALID_ARGUMENT` when no director has the strategy's name.
   */
  resolve(field: string, strategy: GpuPlacementStrategy = { director: PREFER_LOCAL }): Placement {
    const director = this.directors.get(strategy.director);
    if (director === undefined) {
      const known = [...this.directors.keys()].join(', ') || 'a bound director (there is none)';
      throw GpuBridgeError.invalidArgument(`${field}.director`, strategy.director, `one of ${known}`);
    }
    return (target) => {
      const chosen = director.onAddActivation(strategy, target, this.context);
      if (chosen !== this.siloId) {
        throw GpuBridgeError.invalidArgument(
          `siloId chosen by director ${director.name}`,
          chosen,
          `one of ${this.siloId}`,
        );
      }
    };
  }
}

/** Asks for device figures only when a director reads them: a snapshot of every device is not free. */
class LocalCandidate implements SiloCandidate {
  readonly isLocal = true;
  readonly activations = 0;
  readonly placedCalls = 0;
  readonly placedCallLimit = Number.POSITIVE_INFINITY;

  constructor(
    readonly siloId: string,
    private readonly describeDevices: () => readonly DeviceCapacity[],
  ) {}

  get devices(): readonly DeviceCapacity[] {
    return this.describeDevices();
  }
}
