import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Grain } from '@gpu-bridge/abstractions';

type Body = (this: object, ...args: unknown[]) => unknown;

/** Called by the silo only; by name, so that a hook added to `Grain` and forgotten here does not compile. */
const NOT_CALLABLE: Readonly<Record<'constructor' | keyof Grain, true>> = {
  constructor: true,
  onActivate: true,
  onDeactivating: true,
  onDeactivate: true,
  receiveReminder: true,
};

/** Whether callers may name it; hooks are the silo's. */
export function isCallable(name: string): boolean {
  return !Object.hasOwn(NOT_CALLABLE, name);
}

/** A method of a grain type by name; its body is looked up once per class. */
export class GrainMethod {
  private prototype: object | null = null;
  private body: Body | undefined;

  constructor(
    private readonly grainType: string,
    readonly name: string,
    /** Its turns may run between the awaits of others. */
    readonly interleaves = false,
    /** Of those that only the silo calls. */
    private readonly isHook = false,
    /** Filters of calls run around it. */
    readonly isFiltered = true,
  ) {}

  /** How the silo itself calls `receiveReminder`, which nobody else can. */
  static receiveReminder(grainType: string): GrainMethod {
    return new GrainMethod(grainType, 'receiveReminder' satisfies keyof Grain, false, true);
  }

  /** A call that does nothing: it is there for the activation it makes, and waits for that. */
  static arrive(grainType: string): GrainMethod {
    const method = new GrainMethod(grainType, 'onActivate' satisfies keyof Grain, false, true, false);
    method.bodyIn = () => () => undefined;
    return method;
  }

  /**
   * The method's body in an activation's class. Only methods on the prototype count: an instance's own properties are
   * its state, even when they hold functions.
   *
   * @throws GpuBridgeError `INVALID_ARGUMENT` when the class has no such method.
   */
  bodyIn(instance: object): Body {
    const prototype = Object.getPrototypeOf(instance) as object | null;
    if (this.body === undefined || prototype !== this.prototype) {
      this.body = this.lookUp(prototype);
      this.prototype = prototype;
    }
    return this.body;
  }

  private lookUp(prototype: object | null): Body {
    const methods = methodsOf(prototype, this.isHook);
    const body = methods.get(this.name);
    if (body === undefined) {
      const known = [...methods.keys()].join(', ') || 'a class with methods (it has none)';
      throw GpuBridgeError.invalidArgument(`method of grain ${this.grainType}`, this.name, `one of ${known}`);
    }
    return body;
  }
}

function methodsOf(prototype: object | null, withHooks: boolean): ReadonlyMap<string, Body> {
  const methods = new Map<string, Body>();
  for (
    let level = prototype;
    level !== null && level !== Object.prototype;
    level = Object.getPrototypeOf(level) as object | null
  ) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (typeof value === 'function' && !methods.has(name) && (withHooks || isCallable(name)))
        methods.set(name, value as Body);
    }
  }
  return methods;
}
