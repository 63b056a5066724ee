import { GrainMethod } from '../activations/grain-method.js';
import type { GrainSlot } from '../activations/grain-slot.js';

const SLOT = Symbol('slot');

/** What every reference is; its methods come from {@link GrainReferences}. */
class GrainReferenceBase {
  readonly [SLOT]: GrainSlot;

  constructor(slot: GrainSlot) {
    this[SLOT] = slot;
  }

  toString(): string {
    const { type, key } = this[SLOT].id;
    return `${type}/${key}`;
  }
}

/**
 * Makes the references of one grain type. A class is known to the silo only by what it creates, so names are not
 * checked before the first call: every name that JavaScript itself does not ask for is a method.
 *
 * References inherit from one object per type; behind it lies a proxy that is asked only for names not seen before and
 * adds the method there. A call therefore costs a plain property access, and a method exists once, not once per key.
 */
export class GrainReferences {
  private readonly methods: object;

  constructor(grainType: string) {
    const methods = (this.methods = Object.create(
      new Proxy(GrainReferenceBase.prototype, {
        get(base, name, receiver): unknown {
          if (typeof name === 'symbol' || NOT_METHODS.has(name) || name in base)
            return Reflect.get(base, name, receiver);
          const method = new GrainMethod(grainType, name);
          const value = function (this: GrainReferenceBase, ...args: unknown[]): Promise<unknown> {
            return this[SLOT].call(method, args);
          };
          Object.defineProperty(methods, name, { value });
          return value;
        },
      }),
    ) as object);
  }

  create(slot: GrainSlot): object {
    return Object.freeze(Object.setPrototypeOf(new GrainReferenceBase(slot), this.methods) as object);
  }
}

/** Asked of any object: by `await`, which must not take a reference for a promise, and by `JSON.stringify`. */
const NOT_METHODS = new Set(['then', 'toJSON']);
