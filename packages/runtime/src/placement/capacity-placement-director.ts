import { GpuBridgeError, rendezvous } from '@gpu-bridge/abstractions';
import type {
  DeviceCapacity,
  GpuPlacementDirector,
  GpuPlacementStrategy,
  GrainId,
  PlacementContext,
  SiloCandidate,
} from '@gpu-bridge/abstractions';
import { COSTS, fitOf } from './silo-fit.js';
import type { SiloFit } from './silo-fit.js';

/** Margins of cost, see `COSTS`; tests set them to 0. */
export interface PlacementMargins {
  /** The own silo is taken when no other is better by more than this: a call elsewhere costs two messages. Default 0.25. */
  readonly local?: number;
  /** The silo that was chosen before is kept when no other is better by more than this. Default 0.1. */
  readonly stay?: number;
  /** Silos that are worse than the best by at most this are as good: chance decides. Default 0.1. */
  readonly spread?: number;
}

/** Nothing says when a call of another silo ends; long enough to let some end, short enough to poll. */
const RETRY_AFTER_NS = 10_000_000n;
/** Choices remembered; beyond it all are forgotten, which costs one choice each. */
const REMEMBERED = 1_024;

/**
 * Places every call by what the devices of the silos are and have free, under the name `gpu`.
 *
 * Which devices fit: of the wanted type (without one: any but a CPU), of the wanted id, offering every wanted capability, not
 * quarantined and not closed; and with every wanted kernel loaded, as soon as any device has them. When `device` names one, its
 * health does not matter: its silo finds a substitute, or says what is wrong.
 *
 * Which silo: one with room, that is fewer placed calls than it takes, a queue that is not full, and `arenaBytes` free. Of
 * those the cheapest by `COSTS`, with three exceptions against herding, since figures of others are up to a second old and every
 * silo sees the same ones: the own silo when it is good enough, then the one chosen last when it still is, and else chance, weighted
 * by room, among all that are about as good as the best.
 *
 * When none that fits has room, and likewise when none fits: silos with a CPU that offers the capabilities, by the same rules. That is a
 * fallback, told to the context, where a type was wanted, or where there are devices other than CPUs. A full silo is a queue and not an
 * absence, so a caller that would rather wait says `fallback: 'refuse'`: then full is `SILO_BUSY`, and absent
 * `DEVICE_NOT_FOUND`. Without that, `SILO_BUSY` comes when the CPUs are full too.
 */
export class CapacityPlacementDirector implements GpuPlacementDirector {
  readonly name = 'gpu';
  readonly placesEveryCall = true;

  private readonly margins: Required<PlacementMargins>;
  /** Silo by what was asked for. */
  private readonly lastChosen = new Map<string, string>();

  constructor({ local = 0.25, stay = 0.1, spread = 0.1 }: PlacementMargins = {}) {
    this.margins = { local, stay, spread };
  }

  onAddActivation(strategy: GpuPlacementStrategy, target: GrainId, context: PlacementContext): string {
    const { deviceType, device } = strategy;
    const needs = new Needs(strategy, context.candidates);
    const isWanted =
      deviceType === undefined && device === undefined
        ? ({ type }: DeviceCapacity) => type !== 'cpu'
        : ({ type, deviceId }: DeviceCapacity) =>
            (deviceType === undefined || type === deviceType) && (device === undefined || deviceId === device);
    const wanted = this.choose('wanted', isWanted, needs, target, context);
    if (wanted.siloId !== undefined) return wanted.siloId;
    const mayFallBack = deviceType !== 'cpu' && device === undefined;
    if (mayFallBack && (strategy.fallback !== 'refuse' || (deviceType === undefined && !wanted.exists))) {
      const instead = this.choose('cpu', ({ type }) => type === 'cpu', needs, target, context);
      if (instead.siloId !== undefined) {
        if (deviceType !== undefined || wanted.exists) context.onFallback(deviceType ?? 'gpu', instead.siloId);
        return instead.siloId;
      }
      throw busyOrAbsent([...wanted.full, ...instead.full], strategy, context);
    }
    throw busyOrAbsent(wanted.full, strategy, context);
  }

  private choose(
    group: 'wanted' | 'cpu',
    isOfGroup: (device: DeviceCapacity) => boolean,
    needs: Needs,
    target: GrainId,
    context: PlacementContext,
  ): Chosen {
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
    const isGoodEnough = ownFit !== undefined && ownFit.room > 0 && ownFit.cost <= this.margins.local;
    if (isGoodEnough && strategy.tenantAffinity !== true) return { siloId: own!.siloId, exists, full: [] };

    const open: SiloFit[] = [];
    const full: SiloFit[] = [];
    for (const candidate of context.candidates) {
      const fit = candidate === own ? ownFit : fitOf(candidate, strategy, accepts);
      if (fit !== undefined) (fit.room > 0 ? open : full).push(fit);
    }
    if (open.length === 0) return { siloId: undefined, exists, full };
    const fits = strategy.tenantAffinity === true ? withTenant(open, context.tenant) : open;
    return { siloId: this.among(fits, keyOf(group, target, strategy, context), context), exists, full };
  }

  /** One of silos that have room. */
  private among(fits: readonly SiloFit[], key: string, context: PlacementContext): string {
    const { local, stay, spread } = this.margins;
    let lowest = Number.POSITIVE_INFINITY;
    for (const { cost } of fits) lowest = Math.min(lowest, cost);
    const last = this.lastChosen.get(key);
    let kept: string | undefined;
    for (const { candidate, cost } of fits) {
      if (candidate.isLocal && cost <= lowest + local) return candidate.siloId;
      if (candidate.siloId === last && cost <= lowest + stay) kept = last;
    }
    if (kept !== undefined) return kept;
    const chosen = drawn(
      fits.filter(({ cost }) => cost <= lowest + spread),
      context,
    );
    if (this.lastChosen.size >= REMEMBERED) this.lastChosen.clear();
    this.lastChosen.set(key, chosen);
    return chosen;
  }
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
  return open.map((fit) => (fit === home ? fit : { ...fit, cost: fit.cost + COSTS.tenant }));
}

/** By chance, silos with more room more often. */
function drawn(fits: readonly SiloFit[], context: PlacementContext): string {
  let total = 0;
  for (const { room } of fits) total += room;
  let at = context.random() * total;
  for (const { candidate, room } of fits) {
    at -= room;
    if (at < 0) return candidate.siloId;
  }
  return fits.at(-1)!.candidate.siloId;
}

function keyOf(
  group: string,
  { type }: GrainId,
  { deviceType, device, tenantAffinity }: GpuPlacementStrategy,
  { tenant }: PlacementContext,
): string {
  return [group, type, deviceType, device, tenantAffinity === true ? tenant : undefined].join(' ');
}

function busyOrAbsent(
  full: readonly SiloFit[],
  { deviceType, device }: GpuPlacementStrategy,
  { candidates }: PlacementContext,
): GpuBridgeError {
  const wanted = device ?? deviceType ?? 'any device';
  if (full.length > 0) {
    const { siloId } = full.reduce((best, fit) => (fit.cost < best.cost ? fit : best)).candidate;
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
