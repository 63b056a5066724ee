import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { CallPlacement, GrainId, RequestContext } from '@gpu-bridge/abstractions';
import type { GrainMethod } from '../activations/grain-method.js';
import type { GrainSlot } from '../activations/grain-slot.js';
import type { Membership } from '../membership/membership.js';
import type { PlacementResolver } from '../placement/placement-resolver.js';
import type { CallTarget } from '../references/call-target.js';
import { CallRefused } from './call-refused.js';
import { untilEnd } from './ending-stream.js';
import { GrainRoute, reasonOf } from './grain-route.js';
import type { Reply, RoutedCall, Routing } from './grain-route.js';
import type { RoutedType } from './routed-type.js';

/** What stateless routes of a silo share. */
export interface StatelessRouting extends Routing {
  readonly membership: Pick<Membership, 'address' | 'suspect'>;
  readonly placement: Pick<PlacementResolver, 'choose' | 'placed'>;
}

/** Calls of a stateless worker: here, or on the silo that a director chooses for each; when that one refuses, on the next. */
export class StatelessRoute extends GrainRoute implements CallTarget {
  private readonly staysHere: boolean;

  constructor(
    id: GrainId,
    type: RoutedType,
    slot: GrainSlot | undefined,
    private readonly routing: StatelessRouting,
  ) {
    super(id, type, slot, routing);
    this.staysHere = slot !== undefined && !type.placement.director.placesEveryCall;
  }

  call(method: GrainMethod, args: unknown[], request: RequestContext): Promise<unknown> {
    if (this.staysHere) return this.slot!.call(method, args, request);
    return this.callWherever({ method, args, request });
  }

  protected async deliver(call: RoutedCall): Promise<Reply> {
    const { membership } = this.routing;
    const wanted = this.formOf(call)?.placement?.(call.args, this.id);
    const refused = new Set<string>();
    /** What the caller hears when no silo is left: rather of a try that may have run than of one that has not. */
    let refusal: unknown;
    for (;;) {
      const to = this.choose(call, wanted, refused, refusal);
      try {
        return to === membership.address ? await this.callHere(call) : await this.callPlaced(to, call);
      } catch (error) {
        if (!(error instanceof CallRefused) && !this.mayRepeat(call, error)) throw error;
        if (error instanceof CallRefused && error.reason.code === 'SILO_UNREACHABLE') membership.suspect(to);
        refused.add(to);
        if (!GpuBridgeError.is(refusal, 'OUTCOME_UNKNOWN')) refusal = reasonOf(error);
      }
    }
  }

  /** When every silo has refused, the caller gets a refusal rather than "nothing is left to choose from". */
  private choose(
    call: RoutedCall,
    wanted: CallPlacement | undefined,
    refused: ReadonlySet<string>,
    refusal: unknown,
  ): string {
    try {
      return this.routing.placement.choose(this.type, this.id, call.request, refused, wanted);
    } catch (error) {
      throw refusal !== undefined && GpuBridgeError.is(error) ? refusal : error;
    }
  }

  private async callPlaced(to: string, call: RoutedCall): Promise<Reply> {
    if (this.type.placement.director.needsNoRoom === true)
      return { afar: to, value: await this.send(to, call, { fencingToken: 0, placed: false }) };
    const { placed } = this.routing.placement;
    placed.begin(to);
    const sent = this.send(to, call, { fencingToken: 0, placed: true });
    return { afar: to, value: await untilEnd(sent, () => placed.end(to)) };
  }
}
