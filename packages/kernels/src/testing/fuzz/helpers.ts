import type { DType, HelperDefinition, HelperUses, ScalarType } from '@gpu-bridge/abstractions';
import { array, f32, f64, helper, i32, i64, struct, u32, u64 } from '../../index.js';
import { functionOf } from '../kernel-from-text.js';
import type { CallableHelper, Numeric, Precision } from './expressions.js';
import { Statements, indent } from './statements.js';
import type { Shape } from './statements.js';
import { Picks } from './tree.js';
import type { ProgramTree } from './tree.js';

const SCALAR: Readonly<Record<Numeric, ScalarType>> = { f32, f64, i32, u32, i64, u64 };

export interface RandomHelpers {
  readonly callable: readonly CallableHelper[];
  readonly uses: HelperUses;
  readonly texts: readonly string[];
}

/** @param arrays - element types of arrays that the kernel can give. */
export function randomHelpers(
  trees: ProgramTree['helpers'],
  precision: Precision,
  types: readonly Numeric[],
  arrays: readonly Numeric[],
): RandomHelpers {
  const callable: CallableHelper[] = [];
  const uses: Record<string, HelperDefinition> = {};
  const texts: string[] = [];
  trees.forEach((tree, index) => {
    const p = new Picks(tree.pick);
    const name = `h${index}`;
    const args = ['x', 'y'].map((arg) => ({ name: arg, type: p.of(types) }));
    const xs = p.below(2) === 0 ? null : p.of(arrays);
    const returns = tree.results.map(() => p.of(types));
    const earlier = [...callable];
    const body = new Statements(helperShape(precision, types, args, xs, earlier));
    const results = (): string => {
      const values = returns.map((type, i) => body.kept(type, body.expressions.value(type, tree.results[i])));
      return values.length === 1
        ? `return ${values[0]};`
        : `return { ${values.map((v, i) => `r${i}: ${v}`).join(', ')} };`;
    };
    const lines = [...body.block(tree.body), results()];
    const parameters = [...args.map((arg) => arg.name), ...(xs === null ? [] : ['xs'])];
    const text = `(k, { ${parameters.join(', ')} }) => {\n${lines.map(indent).join('\n')}\n}`;
    const scalars: Record<string, ScalarType> = Object.fromEntries(args.map((arg) => [arg.name, SCALAR[arg.type]]));
    const [only] = returns;
    uses[name] = helper(
      name,
      {
        args: { ...scalars, ...(xs === null ? {} : { xs: array(SCALAR[xs]) }) },
        returns:
          returns.length === 1 && only !== undefined
            ? SCALAR[only]
            : struct(Object.fromEntries(returns.map((type, i) => [`r${i}`, SCALAR[type]]))),
        uses: Object.fromEntries(earlier.map((h) => [h.name, uses[h.name] as HelperDefinition])),
      },
      functionOf(text) as never,
    );
    callable.push({ name, args, array: xs, returns });
    texts.push(`${name}: ${JSON.stringify({ args, xs, returns })} ${text}`);
  });
  return { callable, uses, texts };
}

function helperShape(
  precision: Precision,
  types: readonly Numeric[],
  args: CallableHelper['args'],
  xs: Numeric | null,
  helpers: readonly CallableHelper[],
): Shape {
  const literal: Record<Numeric, string> = {
    i32: 'k.i32(-3)',
    u32: 'k.u32(7)',
    i64: 'k.i64(-5n)',
    u64: 'k.u64(11n)',
    f32: 'k.f32(1.5)',
    f64: 'k.f64(0.75)',
  };
  return {
    precision,
    types,
    helpers,
    indexes: ['k.u32(1)'],
    leaves: (type: DType) => {
      if (type === 'bool') return ['k.bool(k.u32(1))'];
      const own = args.flatMap((arg) => (arg.type === type ? [arg.name] : []));
      return [literal[type], ...own, ...own, ...(type === 'u32' && xs !== null ? ['xs.length'] : [])];
    },
    arrays: (type) => (type === xs ? ['xs'] : []),
    // Helpers of expressions have no effects: a local of their own instead.
    effect: (body, p, tree) => {
      const type = p.of(types);
      const name = body.fresh('e');
      const value = body.kept(type, body.expressions.value(type, tree.exprs[0]));
      body.declare(name, type, true);
      return [`let ${name} = ${value};`];
    },
    leave: () => null,
  };
}
