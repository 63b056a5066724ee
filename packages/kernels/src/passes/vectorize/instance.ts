import type { CallExpr, IrFunction, Loop, Stmt } from '../../ir/nodes.js';
import { livenessOf } from './liveness.js';
import type { Liveness } from './liveness.js';
import { unnested } from './unnest.js';

/** How the values of a local lie over the lanes: equal; counting up by one from lane to lane; anything. */
export type Shape = 'uniform' | 'linear' | 'varying';

/**
 * What is known about one body: that of the items, or one call of a helper. The lowering starts by believing that all is
 * uniform, notes here what it finds to be otherwise, and is repeated until it finds nothing new.
 */
export class Instance {
  readonly body: readonly Stmt[];
  /** Loops that lanes leave after different numbers of rounds. */
  readonly parting = new Set<Loop>();
  /** Loops in which some lanes skip the rest of a round. */
  readonly skipping = new Set<Loop>();
  /** Some lanes return before others. */
  returnsApart = false;
  private readonly shapes = new Map<number, Shape>();
  /** Locals whose shape code was lowered by. */
  private readonly reliedOn = new Set<number>();
  private knownLiveness: Liveness | undefined;
  private readonly calls = new Map<CallExpr, Instance>();

  /** @param liveAtEnd - locals of `fn` that are read after `body`. */
  constructor(
    readonly fn: IrFunction,
    body: readonly Stmt[],
    readonly liveAtEnd: ReadonlySet<number>,
  ) {
    this.body = unnested(body);
  }

  /** Found on first use: straight code does without. */
  get liveness(): Liveness {
    return (this.knownLiveness ??= livenessOf(this.body, this.liveAtEnd));
  }

  /** Results have the keys -1, -2 and so on. */
  shape(local: number): Shape {
    this.reliedOn.add(local);
    return this.shapes.get(local) ?? 'uniform';
  }

  /** Notes that a local is given a value of that shape; answers whether code was lowered by another one. */
  join(local: number, shape: Shape): boolean {
    const known = this.shapes.get(local);
    const joined = known === undefined || known === shape ? shape : 'varying';
    this.shapes.set(local, joined);
    return known === undefined ? this.reliedOn.has(local) && joined !== 'uniform' : joined !== known;
  }

  /** The instance of a helper for one call in this body. */
  called(call: CallExpr, fn: IrFunction): Instance {
    const known = this.calls.get(call);
    if (known !== undefined) return known;
    const made = new Instance(fn, fn.body, new Set());
    this.calls.set(call, made);
    return made;
  }
}

export const resultKey = (result: number): number => -1 - result;
