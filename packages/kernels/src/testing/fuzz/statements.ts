import type { DType } from '@gpu-bridge/abstractions';
import { Expressions, isFloat } from './expressions.js';
import type { CallableHelper, Names, Numeric, Precision } from './expressions.js';
import { Picks } from './tree.js';
import type { StmtTree } from './tree.js';

/** What one kind of body can name and do, beside what every body can. */
export interface Shape {
  readonly precision: Precision;
  /** Of values. */
  readonly types: readonly Numeric[];
  readonly helpers: readonly CallableHelper[];
  readonly indexes: readonly string[];
  leaves(type: DType): readonly string[];
  arrays(type: Numeric): readonly string[];
  /** Lines that write something others can see. */
  effect(body: Statements, p: Picks, tree: StmtTree): string[];
  /** What leaves the body early; null where that is not allowed. */
  leave(body: Statements, tree: StmtTree): string | null;
}

interface Variable {
  readonly name: string;
  readonly type: DType;
  readonly mutable: boolean;
}

const INTEGER_ASSIGNMENTS = ['=', '+=', '-=', '*=', '^=', '&=', '|=', '<<=', '>>=', '/=', '%='];
/** Enough to reach every form, and loops within loops still end soon. */
const ROUNDS = 5;

/** Renders statement trees. Loops are counted and their counters not assigned otherwise, so every program ends. */
export class Statements {
  readonly expressions: Expressions;
  /** Whether every id of a workgroup is here, so that a barrier may stand. */
  isUniform = true;
  private count = 0;
  private loops = 0;
  private readonly scopes: Variable[][] = [[]];

  constructor(private readonly shape: Shape) {
    const names: Names = {
      precision: shape.precision,
      types: shape.types,
      helpers: shape.helpers,
      indexes: shape.indexes,
      arrays: (type) => shape.arrays(type),
      leaves: (type) => [...shape.leaves(type), ...this.visible(type)],
    };
    this.expressions = new Expressions(names);
  }

  block(trees: readonly StmtTree[]): string[] {
    this.scopes.push([]);
    const lines = trees.flatMap((tree) => this.statement(tree));
    this.scopes.pop();
    return lines;
  }

  /** A block that only some ids may enter. */
  varying(trees: readonly StmtTree[] = []): string[] {
    const before = this.isUniform;
    this.isUniform = false;
    const lines = this.block(trees);
    this.isUniform = before;
    return lines.map(indent);
  }

  fresh(prefix: string): string {
    return `${prefix}${this.count++}`;
  }

  /** Makes a name visible to the rest of the block. */
  declare(name: string, type: DType, mutable = false): void {
    this.scopes.at(-1)?.push({ name, type, mutable });
  }

  /** The value of a new or an assigned local: floats stay in a range where nothing overflows. */
  kept(type: Numeric, text: string): string {
    return this.shape.precision === 'default' && isFloat(type) ? `k.clamp(${text}, 0.01, 100)` : text;
  }

  /** `operator=`, or only `=` where floats must stay positive. */
  assignment(type: Numeric, p: Picks): string {
    if (!isFloat(type)) return p.of(INTEGER_ASSIGNMENTS);
    return this.shape.precision === 'strict' ? p.of(['=', '+=', '-=', '*=']) : '=';
  }

  statement(tree: StmtTree): string[] {
    const p = new Picks(tree.pick);
    const { expressions: e } = this;
    const [a, b] = tree.exprs;
    const [first, second] = tree.blocks;
    switch (p.below(first === undefined ? 10 : 16)) {
      case 0:
      case 1: {
        const type = p.of(this.shape.types);
        const value = this.kept(type, e.value(type, a));
        const name = this.fresh('v');
        this.declare(name, type, true);
        return [`let ${name} = ${value};`];
      }
      case 2: {
        const value = e.condition(a);
        const name = this.fresh('c');
        this.declare(name, 'bool');
        return [`const ${name} = ${value};`];
      }
      case 3:
      case 4:
        return this.assign(p, tree) ?? this.shape.effect(this, p, tree);
      case 5:
        return this.callInto(p, tree) ?? this.shape.effect(this, p, tree);
      case 6:
        return this.jump(p, tree) ?? this.shape.effect(this, p, tree);
      case 7:
      case 8:
      case 9:
        return this.shape.effect(this, p, tree);
      case 10:
      case 11:
      case 12: {
        const condition = e.condition(a);
        const then = this.varying(first);
        if (second === undefined) return [`if (${condition}) {`, ...then, '}'];
        return [`if (${condition}) {`, ...then, '} else {', ...this.varying(second), '}'];
      }
      case 13: {
        const i = this.fresh('i');
        const limit = p.of([`k.u32(${p.below(ROUNDS)})`, `(${e.value('u32', b)} % ${ROUNDS})`]);
        const body = this.loop(first, i, 'u32');
        return [`for (let ${i} = k.u32(${p.below(3)}); ${i} < ${limit}; ${i}++) {`, ...body, '}'];
      }
      case 14: {
        const i = this.fresh('n');
        const body = this.loop(first, i, 'i32');
        return [`let ${i} = k.i32(${p.below(ROUNDS)});`, `while (${i} > 0) {`, `  ${i}--;`, ...body, '}'];
      }
      default: {
        const i = this.fresh('d');
        const body = this.loop(first, i, 'u32');
        return [`let ${i} = k.u32(0);`, 'do {', `  ${i}++;`, ...body, `} while (${i} < ${p.below(ROUNDS)});`];
      }
    }
  }

  private loop(trees: readonly StmtTree[] | undefined, counter: string, type: Numeric): string[] {
    this.scopes.push([{ name: counter, type, mutable: false }]);
    this.loops++;
    this.expressions.weight *= ROUNDS;
    const lines = this.varying(trees);
    this.expressions.weight /= ROUNDS;
    this.loops--;
    this.scopes.pop();
    return lines;
  }

  private assign(p: Picks, tree: StmtTree): string[] | undefined {
    const variables = this.scopes.flat().filter((v) => v.mutable);
    if (variables.length === 0) return undefined;
    const { name, type } = p.of(variables);
    if (type === 'bool') return undefined;
    return [`${name} ${this.assignment(type, p)} ${this.kept(type, this.expressions.value(type, tree.exprs[0]))};`];
  }

  private callInto(p: Picks, tree: StmtTree): string[] | undefined {
    const helpers = this.shape.helpers.filter((h) => h.returns.length > 1);
    if (helpers.length === 0) return undefined;
    const helper = p.of(helpers);
    const call = this.expressions.callText(helper, p, tree.exprs);
    if (call === undefined) return undefined;
    const name = this.fresh('r');
    helper.returns.forEach((type, i) => this.declare(`${name}.r${i}`, type));
    return [`const ${name} = ${call};`];
  }

  private jump(p: Picks, tree: StmtTree): string[] | undefined {
    const condition = this.expressions.condition(tree.exprs[0]);
    if (this.loops > 0 && p.below(4) > 0) return [`if (${condition}) ${p.of(['break', 'continue'])};`];
    const leave = this.shape.leave(this, tree);
    return leave === null ? undefined : [`if (${condition}) ${leave}`];
  }

  private visible(type: DType): string[] {
    return this.scopes.flat().flatMap((v) => (v.type === type ? [v.name] : []));
  }
}

export function indent(line: string): string {
  return `  ${line}`;
}
