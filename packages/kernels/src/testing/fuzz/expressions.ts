import type { DType } from '@gpu-bridge/abstractions';
import { Picks } from './tree.js';
import type { ExprTree } from './tree.js';

export type Numeric = Exclude<DType, 'bool'>;
export const NUMERIC: readonly Numeric[] = ['i32', 'u32', 'i64', 'u64', 'f32', 'f64'];
/** Types whose values fit into lanes of 32 bits. */
export const NARROW: readonly Numeric[] = ['i32', 'u32', 'f32'];
const FLOATS: readonly Numeric[] = ['f32', 'f64'];
const NOTHING: ExprTree = { pick: 0, kids: [] };

/**
 * `strict`: everything. `default`: floats are positive and combined only in ways that keep relative errors small, and no
 * condition and no integer depends on them, so that results of targets that fuse and approximate can be compared.
 */
export type Precision = 'strict' | 'default';

/** A helper that expressions may call. */
export interface CallableHelper {
  readonly name: string;
  readonly args: readonly { readonly name: string; readonly type: Numeric }[];
  /** Element type of the array argument `xs`, where it has one. */
  readonly array: Numeric | null;
  readonly returns: readonly Numeric[];
}

/** What expressions of a body may name. */
export interface Names {
  readonly precision: Precision;
  /** Of values. */
  readonly types: readonly Numeric[];
  /** Values of the type that need no index; never empty. */
  leaves(type: DType): readonly string[];
  /** Arrays of the type that may be read at any index. */
  arrays(type: Numeric): readonly string[];
  /** Values below the lengths of most arrays. */
  readonly indexes: readonly string[];
  readonly helpers: readonly CallableHelper[];
}

export class Expressions {
  /** Float operations so far, those in loops counted more often. */
  floatOperations = 0;
  weight = 1;

  private readonly integers: readonly Numeric[];
  /** Types of values that conditions and integers may depend on. */
  private readonly comparable: readonly Numeric[];

  constructor(readonly names: Names) {
    this.integers = names.types.filter((type) => !isFloat(type));
    this.comparable = names.precision === 'strict' ? names.types : this.integers;
  }

  value(type: Numeric, tree: ExprTree = NOTHING): string {
    if (isFloat(type)) return this.names.precision === 'strict' ? this.float(type, tree) : this.smooth(type, tree);
    return this.integer(type, tree);
  }

  condition(tree: ExprTree = NOTHING): string {
    const p = new Picks(tree.pick);
    const [a, b] = tree.kids;
    const compare = (): string => {
      const type = p.of(this.comparable);
      return `(${this.value(type, a)} ${p.of(['<', '===', '<=', '>', '>=', '!=='])} ${this.value(type, b)})`;
    };
    if (tree.kids.length === 0) return p.of(this.names.leaves('bool'));
    switch (p.below(8)) {
      case 0:
        return p.of(this.names.leaves('bool'));
      case 1:
        return `(${this.condition(a)} ${p.of(['&&', '||'])} ${this.condition(b)})`;
      case 2:
        return `!${this.condition(a)}`;
      case 3:
        return `k.select(${this.condition(a)}, ${this.condition(b)}, ${this.condition(tree.kids[2])})`;
      case 4:
        return `k.bool(${this.value(p.of(this.comparable), a)})`;
      case 5:
        return `(${this.condition(a)} === ${this.condition(b)})`;
      default:
        return compare();
    }
  }

  /** Mostly inside of arrays, sometimes not. */
  index(tree: ExprTree = NOTHING): string {
    const p = new Picks(tree.pick);
    const near = p.of(this.names.indexes);
    switch (p.below(6)) {
      case 0:
        return near;
      case 1:
        return String(p.below(6));
      case 2:
        return `${this.value('u32', tree.kids[0])} % 5`;
      case 3:
        return `${this.value('u32', tree.kids[0])} % 16`;
      case 4:
        return `(${near} + ${p.below(3)})`;
      default:
        return this.value(p.of(['i32', 'u32']), tree.kids[0]);
    }
  }

  private leaf(type: Numeric, p: Picks): string {
    const found = p.of(this.names.leaves(type));
    return this.names.precision === 'default' && isFloat(type) ? `(${found} + 0.5)` : found;
  }

  private integer(type: Numeric, tree: ExprTree): string {
    const p = new Picks(tree.pick);
    const [a, b, c] = tree.kids;
    if (tree.kids.length === 0) return this.leaf(type, p);
    const go = (kid: ExprTree | undefined): string => this.value(type, kid);
    const wide = type === 'i64' || type === 'u64';
    const signed = type === 'i32' || type === 'i64';
    switch (p.below(14)) {
      case 0:
        return this.leaf(type, p);
      case 1:
      case 2:
        return `(${go(a)} ${p.of(['+', '-', '*', '&', '|', '^'])} ${go(b)})`;
      case 3:
        return this.cast(type, p, a);
      case 4:
        return `(${this.condition(a)} ? ${go(b)} : ${go(c)})`;
      case 5:
        return `k.select(${this.condition(a)}, ${go(b)}, ${go(c)})`;
      case 6:
        return p.below(3) === 0
          ? `k.clamp(${go(a)}, ${go(b)}, ${go(c)})`
          : `k.${p.of(['min', 'max'])}(${go(a)}, ${go(b)})`;
      case 7: {
        const operator = p.of(['-', '~', 'k.popcount', 'k.clz', 'k.ctz', ...(signed ? ['k.abs'] : [])]);
        return operator.length === 1 ? `(${operator}${go(a)})` : `${operator}(${go(a)})`;
      }
      case 8:
        return `(${go(a)} ${p.of(['<<', '>>', ...(type === 'i64' ? [] : ['>>>'])])} ${go(b)})`;
      case 9:
        return `(${go(a)} ${p.of(['/', '%'])} ${go(b)})`;
      case 10:
        return this.load(type, p, a);
      case 11:
        return this.bits(type, p, a);
      case 12:
        return this.call(type, p, tree);
      default:
        return `(${go(a)} ${p.of(['+', '*', '/', '%', '>>', '<<', '-'])} ${p.below(9)}${wide ? 'n' : ''})`;
    }
  }

  private float(type: Numeric, tree: ExprTree): string {
    const p = new Picks(tree.pick);
    const [a, b, c] = tree.kids;
    if (tree.kids.length === 0) return this.leaf(type, p);
    const go = (kid: ExprTree | undefined): string => this.value(type, kid);
    switch (p.below(12)) {
      case 0:
        return this.leaf(type, p);
      case 1:
      case 2:
      case 3:
        return `(${go(a)} ${p.of(['+', '-', '*', '/'])} ${go(b)})`;
      case 4:
        return this.cast(type, p, a);
      case 5:
        return `(${this.condition(a)} ? ${go(b)} : ${go(c)})`;
      case 6:
        return `k.select(${this.condition(a)}, ${go(b)}, ${go(c)})`;
      case 7:
        return p.below(3) === 0
          ? `k.clamp(${go(a)}, ${go(b)}, ${go(c)})`
          : `k.${p.of(['min', 'max'])}(${go(a)}, ${go(b)})`;
      case 8: {
        const operator = p.of(['-', 'k.abs', 'k.sqrt', 'k.floor', 'k.ceil', 'k.trunc']);
        return operator === '-' ? `(-${go(a)})` : `${operator}(${go(a)})`;
      }
      case 9: {
        // The form of fma for targets without it works in f64.
        const isWide = this.names.types.includes('f64');
        const fn = p.of(['exp', 'log', 'sin', 'cos', 'pow', ...(isWide ? ['fma'] : [])]);
        const args = fn === 'fma' ? [a, b, c] : fn === 'pow' ? [a, b] : [a];
        return `k.${fn}(${args.map(go).join(', ')})`;
      }
      case 10:
        return this.load(type, p, a);
      default:
        return p.below(2) === 0 ? this.bits(type, p, a) : this.call(type, p, tree);
    }
  }

  /** Positive, with a condition number of at most 3 per operation. */
  private smooth(type: Numeric, tree: ExprTree): string {
    const p = new Picks(tree.pick);
    const [a, b, c] = tree.kids;
    if (tree.kids.length === 0) return this.leaf(type, p);
    const go = (kid: ExprTree | undefined): string => this.value(type, kid);
    this.floatOperations += this.weight;
    switch (p.below(16)) {
      case 0:
        return this.leaf(type, p);
      case 1:
      case 2:
        return `(${go(a)} * ${go(b)} + ${go(c)})`;
      case 3:
        return `(${go(a)} ${p.of(['+', '*', '/'])} ${go(b)})`;
      case 4:
        return `(${go(a)} * ${go(b)} + 4 - k.min(${go(c)}, 2))`;
      case 5:
        return `k.${p.of(['min', 'max'])}(${go(a)}, ${go(b)})`;
      case 6:
        return `(${this.condition(a)} ? ${go(b)} : ${go(c)})`;
      case 7:
        return `k.select(${this.condition(a)}, ${go(b)}, ${go(c)})`;
      case 8:
        return `k.sqrt(${go(a)})`;
      case 9:
        return `k.${p.of(['exp', 'sin', 'cos'])}(k.min(${go(a)}, 1))`;
      case 10:
        return `k.log(${go(a)} + 2)`;
      case 11:
        return `k.pow(k.min(${go(a)}, 4) + 1, k.min(${go(b)}, 2))`;
      case 12:
        return this.names.types.includes('f64') ? `k.fma(${go(a)}, ${go(b)}, ${go(c)})` : go(a);
      case 13:
        return `(${this.load(type, p, a)} + 0.5)`;
      case 14:
        return `(k.${type}(k.u32(${this.value(p.of(this.integers), a)}) % 16) + 1)`;
      default: {
        const other = type === 'f32' ? 'f64' : 'f32';
        if (!this.names.types.includes(other)) return this.leaf(type, p);
        return `k.${type}(${this.value(other, a)})`;
      }
    }
  }

  private cast(type: Numeric, p: Picks, kid: ExprTree | undefined): string {
    if (p.below(8) === 7) return `k.${type}(${this.condition(kid)})`;
    return `k.${type}(${this.value(p.of(this.comparable), kid)})`;
  }

  /** The bits of a NaN are not the same everywhere, so a float gives its bits only where it equals itself. */
  private bits(type: Numeric, p: Picks, kid: ExprTree | undefined): string {
    const isWide = type === 'i64' || type === 'u64' || type === 'f64';
    const sources: readonly Numeric[] = isWide ? ['i64', 'u64', 'f64'] : ['i32', 'u32', 'f32'];
    const from = p.of(sources.filter((t) => t !== type && (this.names.precision === 'strict' || !isFloat(t))));
    const text = this.value(from, kid);
    const guarded = isFloat(from) ? `k.select(${text} === ${text}, ${text}, 0)` : text;
    return `k.bitcast('${type}', ${guarded})`;
  }

  private load(type: Numeric, p: Picks, kid: ExprTree | undefined): string {
    const arrays = this.names.arrays(type);
    if (arrays.length === 0) return this.leaf(type, p);
    const array = p.of(arrays);
    return p.below(3) === 0 ? `${array}.get(${this.index(kid)})` : `${array}[${this.index(kid)}]`;
  }

  private call(type: Numeric, p: Picks, tree: ExprTree): string {
    const fitting = this.names.helpers.filter((h) => h.returns.length === 1 && h.returns[0] === type);
    const text = fitting.length === 0 ? undefined : this.callText(p.of(fitting), p, tree.kids);
    return text ?? this.leaf(type, p);
  }

  /** The call of a helper; undefined where there is no array to give it. */
  callText(helper: CallableHelper, p: Picks, kids: readonly ExprTree[]): string | undefined {
    const args = helper.args.map(({ name, type }, i) => `${name}: ${this.value(type, kids[i])}`);
    if (helper.array !== null) {
      const arrays = this.names.arrays(helper.array);
      if (arrays.length === 0) return undefined;
      args.push(`xs: ${p.of(arrays)}`);
    }
    this.floatOperations += 40 * this.weight;
    return `k.uses.${helper.name}({ ${args.join(', ')} })`;
  }
}

export function isFloat(type: DType): boolean {
  return FLOATS.some((float) => float === type);
}
