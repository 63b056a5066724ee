import { GpuBridgeError, rendezvous } from '@gpu-bridge/abstractions';
import type {
  DeviceCapacity,
  GpuPlacementDirector,
  GpuPlacementStrategy,
  GrainId,
  PlacementContext,
  SiloCandidate,
} from '@gpu-bridge/abstractions';
import { DRAWBACKS, fitOf } from './silo-fit.js';
import type { SiloFit } from './silo-fit.js';

/** How the director weighs what it sees. */
export interface PlacementWeights {
  /**
   * A difference that does not matter, on the scale of loads: the own silo is taken while it is worse than the best by at most
   * this, since a call elsewhere costs two messages. Default 0.25.
   */
  readonly margin?: number;
  /**
   * How much is given on what others have said of their load, 0 … 1. Default 0.5: the simulation in
   * `capacity-placement-director.prop.test.ts` shows why not more.
   */
  readonly trust?: number;
}

/** Nothing says when a call of another silo ends; long enough to let some end, short enough to poll. */
const RETRY_AFTER_NS = 10_000_000n;
/** Silos with nothing in their favour are taken now and then all the same. */
const LEAST_WEIGHT = 0.05;

/**
 * Places every call by what the devices of the silos are and have free, under the name `gpu`.
 *
 * Which devices fit: of the wanted type (without one: any but a CPU), of the wanted id, offering every wanted capability, not
 * quarantined and not closed; and with every wanted kernel loaded, as soon as any device has them. When `device` names one,
 * its health does not matter: its silo finds a substitute, or says what is wrong.
 *
 * Which silo: one with room, that is fewer placed calls than it takes, a queue that is not full, and `arenaBytes` free. The own
 * one, when it is good enough. Otherwise chance decides, in favour of silos that take more calls, are less loaded, and have what is
 * wanted beside the device: datasets, the tenant. One that lacks these is considered only when all that have them are loaded
 * so much that it would be the better one if it were idle. Suspect and restarting devices come after all others.
 *
 * Chance, because figures of others are up to a second old and every silo sees the same ones. Would each take the least loaded, all
 * would take the same, fill it, and turn to the next: loads swing, and calls are refused while half of the places are free.
 * For the same reason no choice is kept for later calls: what a silo adds meanwhile is seen by itself alone.
 *
 * When none that fits has room, and likewise when none fits: silos with a CPU that offers the capabilities, by the same rules.
 * That is a fallback, told to the context, where a type was wanted, or where there are devices other than CPUs. A full silo is a
 * queue and not an absence, so a caller that would rather wait says `fallback: 'refuse'`: then full is `SILO_BUSY`, and
 * absent `DEVICE_NOT_FOUND`. Without that, `SILO_BUSY` comes when the CPUs are full too.
 */
export class CapacityPlacementDirector implements GpuPlacementDirector {
  readonly name = 'gpu';
  readonly placesEveryCall = true;

  private readonly weights: Required<PlacementWeights>;

  constructor({ margin = 0.25, trust = 0.5 }: PlacementWeights = {}) {
    this.weights = { margin, trust };
  }

  onAddActivation(strategy: GpuPlacementStrategy, _target: GrainId, context: PlacementContext): string {
    const { deviceType, device } = strategy;
    const needs = new Needs(strategy, context.candidates);
    const isWanted =
      deviceType === undefined && device === undefined
        ? ({ type }: DeviceCapacity) => type !== 'cpu'
        : ({ type, deviceId }: DeviceCapacity) =>
            (deviceType === undefined || type === deviceType) && (device === undefined || deviceId === device);
    const wanted = this.choose(isWanted, needs, context);
    if (wanted.siloId !== undefined) return wanted.siloId;
    const mayFallBack = deviceType !== 'cpu' && device === undefined;
    if (mayFallBack && (strategy.fallback !== 'refuse' || (deviceType === undefined && !wanted.exists))) {
      const instead = this.choose(({ type }) => type === 'cpu', needs, context);
      if (instead.siloId !== undefined) {
        if (deviceType !== undefined || wanted.exists) context.onFallback(deviceType ?? 'gpu', instead.siloId);
        return instead.siloId;
      }
      throw busyOrAbsent([...wanted.full, ...instead.full], strategy, context);
    }
    throw busyOrAbsent(wanted.full, strategy, context);
  }

  private choose(isOfGroup: (device: DeviceCapacity) => boolean, needs: Needs, context: PlacementContext): Chosen {
    const { strategy } = needs;
    let exists = false;
    const accepts = (device: DeviceCapacity): boolean => {
      if (!isOfGroup(device)) return false;
      exists = true;
      return needs.areMetBy(device);
    };
    const own = context.candidates.find(({ isLocal }) => isLocal);
    const ownFit = own && fitOf(own, strategy, accepts);
    // No other can be better by more than the margin: the figures of the others need not be looked at.
    if (ownFit !== undefined && this.isGoodEnough(ownFit, 0) && strategy.tenantAffinity !== true)
      return { siloId: ownFit.candidate.siloId, exists, full: [] };

    const open: SiloFit[] = [];
    const full: SiloFit[] = [];
    for (const candidate of context.candidates) {
      const fit = candidate === own ? ownFit : fitOf(candidate, strategy, accepts);
      if (fit !== undefined) (fit.hasRoom ? open : full).push(fit);
    }
    if (open.length === 0) return { siloId: undefined, exists, full };
    const healthy = open.filter(({ isLate }) => !isLate);
    const fits = healthy.length > 0 ? healthy : open;
    const siloId = this.among(strategy.tenantAffinity === true ? withTenant(fits, context.tenant) : fits, context);
    return { siloId, exists, full };
  }

  /** One of silos that have room. */
  private among(fits: readonly SiloFit[], context: PlacementContext): string {
    const best = Math.min(...fits.map(costOf));
    const own = fits.find(({ candidate }) => candidate.isLocal);
    if (own !== undefined && this.isGoodEnough(own, best)) return own.candidate.siloId;
    const worthwhile = fits.filter((fit) => this.isWorthwhile(fit, best));
    const weights = worthwhile.map((fit) => this.weightOf(fit));
    let at = context.random() * weights.reduce((sum, weight) => sum + weight, 0);
    const chosen = worthwhile.find((_, i) => (at -= weights[i]!) < 0) ?? worthwhile.at(-1)!;
    return chosen.candidate.siloId;
  }

  /** Against what the best would cost. A load may be history by now and counts in part; a drawback is certain. */
  private isWorthwhile({ load, drawback }: SiloFit, best: number): boolean {
    const { margin, trust } = this.weights;
    return drawback + trust * load <= best + (drawback > 0 ? 0 : margin);
  }

  private isGoodEnough(own: SiloFit, best: number): boolean {
    return own.hasRoom && !own.isLate && costOf(own) <= best + this.weights.margin;
  }

  private weightOf(fit: SiloFit): number {
    return fit.candidate.placedCallLimit * Math.max(LEAST_WEIGHT, 1 - this.weights.trust * costOf(fit));
  }
}

function costOf({ load, drawback }: SiloFit): number {
  return load + drawback;
}

interface Chosen {
  readonly siloId: string | undefined;
  /** Some silo has such a device, whatever state it is in. */
  readonly exists: boolean;
  /** Silos that fit and are full. */
  readonly full: readonly SiloFit[];
}

/** What a device must be, beside of its type. */
class Needs {
  private knownSomewhere: boolean | undefined;

  constructor(
    readonly strategy: GpuPlacementStrategy,
    private readonly candidates: readonly SiloCandidate[],
  ) {}

  areMetBy(device: DeviceCapacity): boolean {
    const { capabilities, device: named } = this.strategy;
    const { health, offers } = device;
    if (named === undefined && (health === 'quarantined' || health === 'closed')) return false;
    if (capabilities !== undefined && !capabilities.every((capability) => offers.includes(capability))) return false;
    return this.hasKernels(device) || !this.kernelsAreKnown();
  }

  /** A kernel that no silo has is not a matter of placement: the grain says that it does not exist. */
  private kernelsAreKnown(): boolean {
    this.knownSomewhere ??= this.candidates.some(({ devices }) => devices.some((device) => this.hasKernels(device)));
    return this.knownSomewhere;
  }

  private hasKernels({ kernels }: DeviceCapacity): boolean {
    return this.strategy.kernels?.every((kernel) => kernels.includes(kernel)) ?? true;
  }
}

/** Every silo agrees on whose a tenant is, as long as they see the same silos with room. */
function withTenant(open: readonly SiloFit[], tenant: string | undefined): readonly SiloFit[] {
  if (tenant === undefined) return open;
  const home = rendezvous(tenant, open, ({ candidate }) => candidate.siloId);
  return open.map((fit) => (fit === home ? fit : { ...fit, drawback: fit.drawback + DRAWBACKS.tenant }));
}

function busyOrAbsent(
  full: readonly SiloFit[],
  { deviceType, device }: GpuPlacementStrategy,
  { candidates }: PlacementContext,
): GpuBridgeError {
  const wanted = device ?? deviceType ?? 'any device';
  if (full.length > 0) {
    const { siloId } = full.reduce((best, fit) => (costOf(fit) < costOf(best) ? fit : best)).candidate;
    return new GpuBridgeError(
      'SILO_BUSY',
      { siloId, retryAfterNs: RETRY_AFTER_NS },
      `every silo with ${wanted} is full, ${siloId} least so`,
    );
  }
  const known = candidates.flatMap(({ siloId, devices }) =>
    devices.map(({ deviceId, health }) => `${siloId}/${deviceId}${health === 'healthy' ? '' : ` (${health})`}`),
  );
  return new GpuBridgeError(
    'DEVICE_NOT_FOUND',
    { wanted, known },
    `no silo has what is wanted (${wanted}); there are: ${known.join(', ') || 'no devices'}`,
  );
}
