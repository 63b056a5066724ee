import { availableParallelism } from 'node:os';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Grain, GrainClass, GrainContext, GrainId, GrainOptions } from '@gpu-bridge/abstractions';
import { GrainMethod } from './grain-method.js';
import type { RoutedType } from '../routing/routed-type.js';
import { checkMethodOptions } from './method-options.js';
import type { ClassPlacement, PlacementResolver } from '../placement/placement-resolver.js';

/** Figures of a grain type in this silo. */
export interface GrainCounts {
  /** In-memory instances. */
  activations: number;
  waitingCalls: number;
  /** Calls whose turn has started, since the silo was made; timers are no calls. */
  started: number;
  /** Of these, calls whose turn has ended well, and calls whose turn has ended with an error. */
  served: number;
  failed: number;
}

/** A grain class whose options were checked. */
export class RegisteredGrain implements RoutedType {
  readonly type: string;
  /** Activations that may exist per key. */
  readonly maxActivations: number;
  readonly reentrant: boolean;
  readonly keyed: boolean;
  readonly persistent: boolean;
  readonly counts: GrainCounts = { activations: 0, waitingCalls: 0, started: 0, served: 0, failed: 0 };
  readonly placement: ClassPlacement;
  readonly idempotent: GrainOptions['idempotent'];
  readonly remoteForms: GrainOptions['remoteForms'];

  /** What delivers a reminder, as a call like any other. */
  readonly receiveReminder: GrainMethod;
  /** What brings a grain here that another silo has handed over. */
  readonly arrive: GrainMethod;

  private readonly interleaving: ReadonlySet<string>;
  private readonly methods = new Map<string, GrainMethod>();

  /** @throws GpuBridgeError `INVALID_ARGUMENT` naming the option, the value and what was allowed. */
  constructor(
    readonly grainClass: GrainClass,
    private readonly placements: PlacementResolver,
  ) {
    const { options } = grainClass;
    if (typeof options?.type !== 'string' || options.type.length < 1 || options.type.length > 128) {
      throw GpuBridgeError.invalidArgument('grainClass.options.type', options?.type, 'a string of 1..128 characters');
    }
    const field = `grainClass[${options.type}]`;
    if (typeof grainClass.create !== 'function') {
      throw GpuBridgeError.invalidArgument(`${field}.create`, typeof grainClass.create, 'a function');
    }
    const { type, kind, maxLocal, reentrant = false, placement } = options;
    if (kind !== 'keyed' && kind !== 'stateless-worker') {
      throw GpuBridgeError.invalidArgument(`${field}.options.kind`, kind, 'keyed or stateless-worker');
    }
    if (typeof reentrant !== 'boolean') {
      throw GpuBridgeError.invalidArgument(`${field}.options.reentrant`, reentrant, 'a boolean');
    }
    checkMethodOptions(field, options);
    if (maxLocal !== undefined && kind === 'keyed') {
      throw GpuBridgeError.invalidArgument(
        `${field}.options.maxLocal`,
        maxLocal,
        'left out: a keyed grain has one activation',
      );
    }
    if (maxLocal !== undefined && !(Number.isInteger(maxLocal) && maxLocal >= 1 && maxLocal <= 1024)) {
      throw GpuBridgeError.invalidArgument(`${field}.options.maxLocal`, maxLocal, 'an integer of 1..1024');
    }
    this.type = type;
    this.receiveReminder = GrainMethod.receiveReminder(type);
    this.arrive = GrainMethod.arrive(type);
    this.reentrant = reentrant;
    this.keyed = kind === 'keyed';
    this.persistent = options.persistent ?? false;
    this.idempotent = options.idempotent;
    this.remoteForms = options.remoteForms;
    this.interleaving = new Set(options.interleaving);
    this.maxActivations = kind === 'keyed' ? 1 : (maxLocal ?? Math.min(availableParallelism(), 1024));
    this.placement = placements.resolve(`${field}.options.placement`, placement);
  }

  /** The method of a name, whether the class has it or not. */
  method(name: string): GrainMethod {
    let method = this.methods.get(name);
    if (method === undefined)
      this.methods.set(name, (method = new GrainMethod(this.type, name, this.interleaving.has(name))));
    return method;
  }

  /** What a call has left on this silo can be asked for by it. */
  followUp(name: string): NonNullable<GrainClass['followUps']>[string] | undefined {
    const { followUps } = this.grainClass;
    return followUps !== undefined && Object.hasOwn(followUps, name) ? followUps[name] : undefined;
  }

  /** Throws when this silo is not where an activation belongs. */
  place(target: GrainId): void {
    this.placements.confirm(this, target);
  }

  create(context: GrainContext): object & Grain {
    return this.grainClass.create(context);
  }
}
