import type { GrainId, RequestContext } from '@gpu-bridge/abstractions';
import type { FilterCall } from '../activations/call-filters.js';
import type { GrainMethod } from '../activations/grain-method.js';
import type { CallTarget } from './call-target.js';

const TARGET = Symbol('target');
const REQUEST = Symbol('request');

/** What every reference is; its methods come from {@link GrainReferences}. */
class GrainReferenceBase {
  readonly [TARGET]: CallTarget;
  readonly [REQUEST]: RequestContext;

  constructor(target: CallTarget, request: RequestContext) {
    this[TARGET] = target;
    this[REQUEST] = request;
  }

  toString(): string {
    const { type, key } = this[TARGET].id;
    return `${type}/${key}`;
  }
}

/** The grain that a reference names; undefined for anything that is no reference. */
export function referencedGrain(value: unknown): GrainId | undefined {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, TARGET)
    ? (value as GrainReferenceBase)[TARGET].id
    : undefined;
}

/**
 * Makes the references of one grain type. A class is known to the silo only by what it creates, so names are not
 * checked before the first call: every name that JavaScript itself does not ask for is a method.
 *
 * References inherit from one object per type; behind it lies a proxy that is asked only for names not seen before and
 * adds the method there. A call therefore costs a plain property access, and a method exists once, not once per key.
 */
export class GrainReferences {
  private readonly reference: new (target: CallTarget, request: RequestContext) => GrainReferenceBase;

  /**
   * @param methodOf - the method of a name, whether the class has it or not.
   * @param outgoingFilter - around every call.
   */
  constructor(methodOf: (name: string) => GrainMethod, outgoingFilter: FilterCall | undefined) {
    this.reference = class extends GrainReferenceBase {};
    const methods = this.reference.prototype as object;
    Object.setPrototypeOf(
      methods,
      new Proxy(GrainReferenceBase.prototype, {
        get(base, name, receiver): unknown {
          if (typeof name === 'symbol' || NOT_METHODS.has(name) || name in base)
            return Reflect.get(base, name, receiver);
          const method = methodOf(name);
          const value = outgoingFilter === undefined ? callOf(method) : filteredCallOf(method, outgoingFilter);
          Object.defineProperty(methods, name, { value });
          return value;
        },
      }),
    );
  }

  /** @param request - checked. */
  create(target: CallTarget, request: RequestContext): object {
    return Object.freeze(new this.reference(target, request));
  }

  /** A reference to the same grain whose calls carry `request`. */
  withRequest(reference: object, request: RequestContext): object {
    return this.create((reference as GrainReferenceBase)[TARGET], request);
  }
}

type Method = (this: GrainReferenceBase, ...args: unknown[]) => Promise<unknown>;

function callOf(method: GrainMethod): Method {
  return function (...args) {
    return this[TARGET].call(method, args, this[REQUEST]);
  };
}

function filteredCallOf(method: GrainMethod, filter: FilterCall): Method {
  return function (...args) {
    const target = this[TARGET];
    const call = { grain: target.id, method: method.name, args, request: this[REQUEST] };
    return filter(call, (request) => target.call(method, args, request));
  };
}

/** Asked of any object: by `await`, which must not take a reference for a promise, and by `JSON.stringify`. */
const NOT_METHODS = new Set(['then', 'toJSON']);
