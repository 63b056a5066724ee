import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { GrainId, RequestContext } from '@gpu-bridge/abstractions';
import type { GrainMethod } from '../activations/grain-method.js';
import type { GrainSlot } from '../activations/grain-slot.js';
import type { GrainDirectory } from '../directory/grain-directory.js';
import type { Membership } from '../membership/membership.js';
import type { PlacementResolver } from '../placement/placement-resolver.js';
import type { CallTarget } from '../references/call-target.js';
import { Attempts } from './attempts.js';
import { CallRefused } from './call-refused.js';
import { GrainRoute, reasonOf } from './grain-route.js';
import type { Reply, RoutedCall, Routing } from './grain-route.js';
import { nameOf } from './routed-type.js';
import type { RoutedType } from './routed-type.js';

/** What keyed routes of a silo share. */
export interface KeyedRouting extends Routing {
  readonly membership: Pick<Membership, 'address' | 'find' | 'suspect'>;
  readonly directory: Pick<GrainDirectory, 'cached' | 'lookUp' | 'forget'>;
  readonly placement: Pick<PlacementResolver, 'choose'>;
  /** How long a call looks for a silo that takes it, ms: longer than the lease of a dead owner lasts. */
  readonly giveUpMs: number;
  /** Whether this silo has left its cluster: then there is no elsewhere. */
  hasLeft(): boolean;
}

/**
 * Calls of a keyed grain: to its owner by the directory, else to the silo that a director chooses, which claims the grain or
 * names the owner. What the directory says is a hint; the silo that is asked knows better, and refuses.
 */
export class KeyedRoute extends GrainRoute implements CallTarget {
  constructor(
    id: GrainId,
    type: RoutedType,
    slot: GrainSlot | undefined,
    private readonly routing: KeyedRouting,
  ) {
    super(id, type, slot, routing);
  }

  call(method: GrainMethod, args: unknown[], request: RequestContext): Promise<unknown> {
    if (this.slot?.isActive !== true) return this.callWherever({ method, args, request });
    // The usual case, without a detour.
    return this.slot.call(method, args, request).catch((error: unknown) => {
      if (error instanceof CallRefused) return this.callWherever({ method, args, request });
      throw error;
    });
  }

  protected async deliver(call: RoutedCall): Promise<Reply> {
    const { clock, giveUpMs, membership } = this.routing;
    const attempts = new Attempts(clock, call.request, giveUpMs);
    /** Owner that a silo named when it refused: it has just looked. */
    let named: string | undefined;
    /** The error of a try that may have run. */
    let unknown: GpuBridgeError | undefined;
    for (;;) {
      let to: string | undefined;
      try {
        const owner = named === undefined ? await this.liveOwner(attempts) : { address: named, fencingToken: 0 };
        to = owner?.address ?? this.choose(call.request);
        if (to === membership.address) return await this.callHere(call);
        const fencingToken = owner?.fencingToken ?? 0;
        return { afar: to, value: await this.send(to, call, { fencingToken, placed: false }) };
      } catch (error) {
        const refusal = error instanceof CallRefused ? error.reason : undefined;
        const passing = refusal === undefined ? this.mayRepeat(call, error) : PASSING.has(refusal.code);
        if (refusal === undefined && passing) unknown = error as GpuBridgeError;
        const mayHaveRun = refusal === undefined && to !== undefined;
        if (!passing || this.routing.hasLeft()) throw (mayHaveRun ? undefined : unknown) ?? reasonOf(error);
        this.routing.directory.forget(this.id);
        if (refusal?.code === 'SILO_UNREACHABLE' && to !== undefined) membership.suspect(to);
        named = GpuBridgeError.is(refusal, 'GRAIN_MOVED') ? refusal.details.siloId : undefined;
        await attempts.next(unknown ?? (reasonOf(error) as GpuBridgeError), nameOf(this.id));
      }
    }
  }

  /**
   * No host may mean that all of them are about to be back, as when the engine was away for longer than their leases; to a silo
   * that drains, that it was the last.
   */
  private choose(request: RequestContext): string {
    const { placement, membership, siloId } = this.routing;
    try {
      return placement.choose(this.type, this.id, request);
    } catch (error) {
      if (!GpuBridgeError.is(error, 'GRAIN_NOT_FOUND')) throw error;
      if (membership.find(membership.address)?.state !== 'draining') throw new CallRefused(error);
      const reason = `silo ${siloId} drains, and no other one hosts grains of type ${this.type.type}`;
      throw new GpuBridgeError('DRAINING', { what: siloId }, reason);
    }
  }

  /**
   * Undefined when the grain has no owner, or one that is no member: a silo that is chosen then claims the grain, and finds out
   * whether that owner is dead or merely so new that it is not known here.
   */
  private async liveOwner(
    attempts: Attempts,
  ): Promise<{ readonly address: string; readonly fencingToken: number } | undefined> {
    const { directory, membership } = this.routing;
    let entry = directory.cached(this.id);
    try {
      entry ??= await attempts.within(directory.lookUp(this.id), nameOf(this.id));
    } catch (error) {
      // Nothing has run: the engine was not there to be asked.
      throw GpuBridgeError.is(error, 'CLUSTER_UNAVAILABLE') ? new CallRefused(error) : error;
    }
    if (entry === undefined || membership.find(entry.owner) === undefined) return undefined;
    return { address: entry.owner, fencingToken: entry.fencingToken };
  }
}

/** Conditions that end by themselves: the grain is found elsewhere, or a host comes back, or its owner is found dead. */
const PASSING = new Set<string>([
  'GRAIN_MOVED',
  'GRAIN_NOT_FOUND',
  'SILO_UNREACHABLE',
  'DRAINING',
  'LEASE_FENCED',
  'CLUSTER_UNAVAILABLE',
]);
