import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { GrainId, GrainType, RequestContext } from '@gpu-bridge/abstractions';
import type { FilterCall } from '../activations/call-filters.js';
import { GrainMethod, isCallable } from '../activations/grain-method.js';
import type { Membership } from '../membership/membership.js';
import type { PlacementResolver } from '../placement/placement-resolver.js';
import { GrainReferences } from '../references/grain-references.js';
import type { CallTarget } from '../references/call-target.js';
import { NO_REQUEST } from '../references/request-context.js';
import type { RoutedType } from './routed-type.js';

/** What references of grain types need that are hosted elsewhere. */
export interface UnhostedGrainsServices {
  readonly membership: Pick<Membership, 'members'>;
  readonly placement: Pick<PlacementResolver, 'resolve'>;
  readonly outgoingFilter: FilterCall | undefined;
  route(id: GrainId, type: RoutedType): CallTarget;
}

/** References of grain types that this silo does not host, for calls to the silos that do. */
export class UnhostedGrains {
  private readonly types = new Map<string, UnhostedType>();

  constructor(private readonly services: UnhostedGrainsServices) {}

  /** @param request - checked. @throws GpuBridgeError `INVALID_ARGUMENT` for a placement whose director is not here. */
  reference({ options }: GrainType, key: string, request: RequestContext): object {
    let type = this.types.get(options.type);
    // One that knows the class's remote forms replaces one that knows the name alone.
    if (type === undefined || (type.options.remoteForms === undefined && options.remoteForms !== undefined)) {
      type = new UnhostedType(options, this.services);
      this.types.set(options.type, type);
    }
    return type.reference(key, request);
  }
}

class UnhostedType {
  private readonly references: GrainReferences;
  private readonly placement: RoutedType['placement'];
  private routed: RoutedType | undefined;

  constructor(
    readonly options: GrainType['options'],
    private readonly services: UnhostedGrainsServices,
  ) {
    this.placement = services.placement.resolve(`grain[${options.type}].options.placement`, options.placement);
    this.references = new GrainReferences((name) => new GrainMethod(options.type, name), services.outgoingFilter);
  }

  reference(key: string, request: RequestContext): object {
    const reference = this.references.create(new UnhostedTarget({ type: this.options.type, key }, this), NO_REQUEST);
    return request === NO_REQUEST ? reference : this.references.withRequest(reference, request);
  }

  /** @throws GpuBridgeError `GRAIN_NOT_FOUND` as long as no live silo hosts the type. */
  route(id: GrainId): CallTarget {
    this.routed ??= this.learn();
    return this.services.route(id, this.routed);
  }

  /** Whether grains of the type are keyed is known to the silos that host them. */
  private learn(): RoutedType {
    const { type, idempotent, remoteForms } = this.options;
    const members = this.services.membership.members();
    const host = members.find(({ grainTypes }) => grainTypes.includes(type));
    if (host === undefined) {
      const known = [...new Set(members.flatMap(({ grainTypes }) => grainTypes))].sort();
      throw new GpuBridgeError('GRAIN_NOT_FOUND', { grain: type, known }, `no live silo hosts grains of type ${type}`);
    }
    const keyed = !host.statelessTypes.includes(type);
    return { type, keyed, placement: this.placement, idempotent, remoteForms };
  }
}

/** Finds its route with the first call: a reference may be made before any silo hosts its type. */
class UnhostedTarget implements CallTarget {
  private target: CallTarget | undefined;

  constructor(
    readonly id: GrainId,
    private readonly type: UnhostedType,
  ) {}

  async call(method: GrainMethod, args: unknown[], request: RequestContext): Promise<unknown> {
    if (!isCallable(method.name))
      throw GpuBridgeError.invalidArgument(`method of grain ${this.id.type}`, method.name, 'no hook of the silo');
    this.target ??= this.type.route(this.id);
    return this.target.call(method, args, request);
  }
}
