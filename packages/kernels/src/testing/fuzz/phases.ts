import type { DType } from '@gpu-bridge/abstractions';
import type { Numeric } from './expressions.js';
import { indent } from './statements.js';
import type { Statements } from './statements.js';
import type { Picks, StmtTree } from './tree.js';

const ARRAYS: readonly (readonly [name: string, type: Numeric])[] = [
  ['ti', 'i32'],
  ['tu', 'u32'],
  ['tl', 'i64'],
  ['tf', 'f32'],
  ['td', 'f64'],
];
const ATOMIC = 'sbins';

/**
 * Keeps shared arrays free of races: between two barriers an array is either private, where each id reads and writes its
 * own element only (atomics: adds to any), or public, where everyone reads everything.
 */
export class Phases {
  /** Arrays that are private now. All begin public: they are zeros. */
  private privates: ReadonlySet<string> = new Set();

  constructor(
    private readonly operator: string,
    private readonly types: readonly Numeric[],
  ) {}

  leaves(type: DType): string[] {
    const own = ARRAYS.flatMap(([name, t]) => (t === type && this.privates.has(name) ? [`${name}[lid]`] : []));
    return type === 'u32' && !this.privates.has(ATOMIC) ? [...own, `k.atomicLoad(${ATOMIC}, 2)`] : own;
  }

  arrays(type: Numeric): string[] {
    return ARRAYS.flatMap(([name, t]) => (t === type && !this.privates.has(name) ? [name] : []));
  }

  /** Sometimes a barrier, something around barriers, or a write to a shared array. */
  effect(body: Statements, p: Picks, tree: StmtTree): string[] | undefined {
    const { expressions: e } = body;
    const [a, b] = tree.exprs;
    if (body.isUniform && p.below(2) === 0) return this.synchronise(body, p, tree);
    const own = ARRAYS.filter(([name, type]) => this.privates.has(name) && this.types.includes(type));
    switch (p.below(3)) {
      case 0: {
        if (own.length === 0) return undefined;
        const [name, type] = p.of(own);
        return [`${name}[lid] ${body.assignment(type, p)} ${body.kept(type, e.value(type, a))};`];
      }
      case 1:
        if (!this.privates.has(ATOMIC)) return undefined;
        return [`k.atomic${this.operator}(${ATOMIC}, k.u32(${e.index(a)}), ${e.value('u32', b)});`];
      default:
        return undefined;
    }
  }

  private synchronise(body: Statements, p: Picks, tree: StmtTree): string[] {
    const [first, second] = tree.blocks;
    const kind = p.below(4);
    if (first === undefined || kind < 2) return [this.barrier(p)];
    const before = this.privates;
    const condition = p.of(['ub', 'un > 2', 'k.group.x % 2 === 0', 'us < 0', 'src.b[k.group.x % 3] > 5']);
    if (kind === 2) {
      const then = body.block(first).map(indent);
      this.privates = before;
      const otherwise = body.block(second ?? []).map(indent);
      return [`if (${condition}) {`, ...then, '} else {', ...otherwise, '}', this.barrier(p)];
    }
    const round = body.fresh('r');
    // The first barrier parts a round from the one before, the last the rounds from what follows.
    const enter = `  ${this.barrier(p)}`;
    const rounds = body.block(first).map(indent);
    const leave =
      p.below(3) === 0
        ? [`  if (${condition}) ${p.of(['break', 'continue'])};`, ...body.block(second ?? []).map(indent)]
        : [];
    const limit = p.of(['3', '(un % 4)', '2']);
    return [
      `for (let ${round} = k.u32(0); ${round} < ${limit}; ${round}++) {`,
      enter,
      ...rounds,
      ...leave,
      '}',
      this.barrier(p),
    ];
  }

  private barrier(p: Picks): string {
    const mask = p.below(64);
    const all = [...ARRAYS.map(([name]) => name), ATOMIC];
    this.privates = new Set(all.filter((_, i) => ((mask >> i) & 1) === 1));
    return 'k.barrier();';
  }
}
