import type { Expr, LengthRef } from '../ir/nodes.js';

/** `local + offset < limit`, as exact numbers. */
interface Upper {
  readonly local: number;
  readonly offset: number;
  readonly limit: string;
}

/**
 * What is known at one point of a body about integer locals: upper bounds relative to lengths, and constant lower
 * bounds. Lengths are named by strings; `const:n` is the number n.
 */
export class Facts {
  private constructor(
    private readonly uppers: readonly Upper[],
    private readonly lowers: ReadonlyMap<number, number>,
  ) {}

  static readonly none = new Facts([], new Map());

  withUpper(local: number, offset: number, limit: string): Facts {
    if (this.below(local, offset, limit)) return this;
    return new Facts([...this.uppers, { local, offset, limit }], this.lowers);
  }

  withLower(local: number, value: number): Facts {
    if (this.lower(local) >= value) return this;
    return new Facts(this.uppers, new Map([...this.lowers, [local, value]]));
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
    );
  }

  /** What holds whichever of the two ways was taken. */
  meet(other: Facts): Facts {
    const lowers = [...this.lowers].map(([local, value]): [number, number] => [
      local,
      Math.min(value, other.lower(local)),
    ]);
    return new Facts(
      this.uppers.filter((u) => other.below(u.local, u.offset, u.limit)),
      new Map(lowers.filter(([, value]) => value > -Infinity)),
    );
  }
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

/** `local + offset`, for expressions of that shape; the sum is not known to be free of wrapping. */
export function linear(expr: Expr): { readonly local: number; readonly offset: number } | undefined {
  if (expr.type !== 'u32' && expr.type !== 'i32') return undefined;
  if (expr.op === 'local') return { local: expr.local, offset: 0 };
  if (expr.op !== 'binary' || expr.left.op !== 'local' || expr.right.op !== 'literal') return undefined;
  const { value } = expr.right;
  if (typeof value !== 'number') return undefined;
  if (expr.operator === 'add') return { local: expr.left.local, offset: value };
  return expr.operator === 'sub' ? { local: expr.left.local, offset: -value } : undefined;
}
