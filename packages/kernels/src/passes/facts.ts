import type { Axis, Expr, IdKind, LengthRef } from '../ir/nodes.js';

/** `local + offset < limit`, as exact numbers. */
interface Upper {
  readonly local: number;
  readonly offset: number;
  readonly limit: string;
}

/** `small` is at most `large`, both locals of one type. */
interface Order {
  readonly small: number;
  readonly large: number;
}

/**
 * What is known at one point of a body about integer locals: upper bounds relative to lengths, constant lower bounds, and
 * which local is at most another. Lengths are named by strings; `const:n` is the number n.
 */
export class Facts {
  private constructor(
    private readonly uppers: readonly Upper[],
    private readonly lowers: ReadonlyMap<number, number>,
    private readonly orders: readonly Order[],
  ) {}

  static readonly none = new Facts([], new Map(), []);

  withUpper(local: number, offset: number, limit: string): Facts {
    if (this.below(local, offset, limit)) return this;
    return new Facts([...this.uppers, { local, offset, limit }], this.lowers, this.orders);
  }

  withLower(local: number, value: number): Facts {
    if (this.lower(local) >= value) return this;
    return new Facts(this.uppers, new Map([...this.lowers, [local, value]]), this.orders);
  }

  withOrder(small: number, large: number): Facts {
    return new Facts(this.uppers, this.lowers, [...this.orders, { small, large }]);
  }

  isAtMost(small: number, large: number): boolean {
    return this.orders.some((o) => o.small === small && o.large === large);
  }

  /** Smallest constant known not to be below the local. */
  upper(local: number): number {
    const limits = this.uppersOf(local).flatMap(({ offset, limit }) =>
      limit.startsWith('const:') ? [Number(limit.slice(6)) - 1 - offset] : [],
    );
    return Math.min(Infinity, ...limits);
  }

  /** Largest constant known not to exceed the local. */
  lower(local: number): number {
    return this.lowers.get(local) ?? -Infinity;
  }

  /** Whether `local + offset < limit`. */
  below(local: number, offset: number, limit: string): boolean {
    return this.uppers.some((u) => u.local === local && u.offset >= offset && limitAtMost(u.limit, limit));
  }

  uppersOf(local: number): readonly { readonly offset: number; readonly limit: string }[] {
    return this.uppers.filter((u) => u.local === local);
  }

  /** Without anything about these locals. */
  forget(locals: ReadonlySet<number>): Facts {
    return this.keep(
      (local) => !locals.has(local),
      (local) => !locals.has(local),
    );
  }

  keep(upper: (local: number) => boolean, lower: (local: number) => boolean): Facts {
    return new Facts(
      this.uppers.filter((u) => upper(u.local)),
      new Map([...this.lowers].filter(([local]) => lower(local))),
      // What keeps both kinds of bounds does not change at all.
      this.orders.filter(({ small, large }) => [small, large].every((local) => upper(local) && lower(local))),
    );
  }

  /** What holds whichever of the two ways was taken. */
  meet(other: Facts): Facts {
    const lowers = [...this.lowers].map(([local, value]): [number, number] => [
      local,
      Math.min(value, other.lower(local)),
    ]);
    const uppers = this.uppers.filter((u) => other.below(u.local, u.offset, u.limit));
    const others = other.uppers.filter(
      (u) => this.below(u.local, u.offset, u.limit) && !uppers.some((v) => same(u, v)),
    );
    return new Facts(
      [...uppers, ...others],
      new Map(lowers.filter(([, value]) => value > -Infinity)),
      this.orders.filter(({ small, large }) => other.isAtMost(small, large)),
    );
  }
}

function same(a: Upper, b: Upper): boolean {
  return a.local === b.local && a.offset === b.offset && a.limit === b.limit;
}

function limitAtMost(known: string, wanted: string): boolean {
  if (known === wanted) return true;
  if (!known.startsWith('const:') || !wanted.startsWith('const:')) return false;
  return Number(known.slice(6)) <= Number(wanted.slice(6));
}

export function limitOf(length: LengthRef): string {
  if (length.kind === 'arg') return `arg:${length.arg}`;
  if (length.kind === 'shared') return `shared:${length.shared}`;
  return `${length.kind}:${length.slot}`;
}

/**
 * What facts can be about: locals by their number, and values that never change (unsigned uniforms and ids) by negative
 * ones.
 */
export function termOf(expr: Expr): number | undefined {
  if (expr.op === 'local') return expr.type === 'u32' || expr.type === 'i32' ? expr.local : undefined;
  if (expr.type !== 'u32') return undefined;
  if (expr.op === 'item') return -1;
  if (expr.op === 'id') return -2 - (3 * ID_KINDS.indexOf(expr.which) + AXES.indexOf(expr.axis));
  return expr.op === 'uniform' ? -2 - 3 * ID_KINDS.length - expr.slot : undefined;
}

const ID_KINDS: readonly IdKind[] = ['global', 'globalSize', 'local', 'group', 'groupCount'];
const AXES: readonly Axis[] = ['x', 'y', 'z'];

/** `term + offset`, for expressions of that shape; the sum is not known to be free of wrapping. */
export function linear(expr: Expr): { readonly local: number; readonly offset: number } | undefined {
  if (expr.type !== 'u32' && expr.type !== 'i32') return undefined;
  const whole = termOf(expr);
  if (whole !== undefined) return { local: whole, offset: 0 };
  if (expr.op !== 'binary' || expr.right.op !== 'literal') return undefined;
  const term = termOf(expr.left);
  const { value } = expr.right;
  if (term === undefined || typeof value !== 'number') return undefined;
  if (expr.operator === 'add') return { local: term, offset: value };
  return expr.operator === 'sub' ? { local: term, offset: -value } : undefined;
}
