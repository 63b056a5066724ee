import type { DType } from '@gpu-bridge/abstractions';
import {
  array,
  bool,
  constant,
  f32,
  f64,
  helper,
  i32,
  i64,
  input,
  mutableArray,
  output,
  ragged,
  scratch,
  struct,
  u32,
  u64,
  uniform,
} from '../../index.js';
import { mapFromText } from '../kernel-from-text.js';
import { NUMERIC } from './expressions.js';
import type { Numeric, Precision } from './expressions.js';
import { randomHelpers } from './helpers.js';
import { Inputs } from './inputs.js';
import type { RandomProgram } from './random-program.js';
import { Statements, indent } from './statements.js';
import type { Shape } from './statements.js';
import { FIELD } from './fields.js';
import type { ProgramTree } from './tree.js';

const Record7 = struct({ a: i32, b: u32, c: i64, d: u64, e: f32, f: f64, g: bool });

const bump = helper(
  'bump',
  { args: { xs: mutableArray(u32), ys: array(i32), at: u32 }, returns: u32 },
  (k, { xs, ys, at }) => {
    if (at < xs.length) xs[at]! += k.u32(ys.get(at));
    return xs.get(at + 1) ^ at;
  },
);

const params = {
  s: input(Record7),
  list: input(ragged(struct({ v: i32, w: i64, u: f32 }))),
  sc: scratch(u32, { max: [1, 2] }),
  sf: scratch(f32, { max: [0, 4] }),
  flows: output(ragged(struct({ x: i64, y: u32, z: f32 }), { max: [1, 1] })),
  out: output(Record7),
  un: uniform(u32),
  ud: uniform(f64),
};
const LEAVES: Readonly<Record<DType, readonly string[]>> = {
  bool: ['s.g', '(un > 2)', '(k.item % 2 === 0)'],
  i32: ['s.a', 's.a', 'k.constants.SMALL', 'k.i32(-7)'],
  u32: ['s.b', 's.b', 'list.length', 'k.item', 'un', 'flows.length', 'flows.capacity', 'sc.length'],
  i64: ['s.c', 's.c', 'k.i64(1000000007n)'],
  u64: ['s.d', 's.d', 'k.u64(3n)'],
  f32: ['s.e', 's.e', 'k.f32(0.75)'],
  f64: ['s.f', 's.f', 'ud', 'k.f64(1.25)'],
};
const ARRAYS: Readonly<Partial<Record<Numeric, readonly string[]>>> = {
  i32: ['list.v'],
  i64: ['list.w', 'flows.x'],
  u32: ['sc', 'flows.y'],
  f32: ['list.u', 'sf', 'flows.z'],
};

/** Once per item: records, ragged lists in and out, scratch memory. */
export function mapProgram(tree: ProgramTree, precision: Precision, name: string): RandomProgram {
  // A list of outputs is no array argument of a helper that may be called while it grows.
  const helpers = randomHelpers(tree.helpers, precision, NUMERIC, ['i32', 'i64', 'u32']);
  const shape: Shape = {
    precision,
    types: NUMERIC,
    helpers: helpers.callable,
    indexes: ['k.u32(0)', 'list.length', 'un'],
    leaves: (type) => LEAVES[type],
    arrays: (type) => ARRAYS[type] ?? [],
    leave: () => 'return;',
    effect: (body, p, { exprs: [a, b, c] }) => {
      const { expressions: e } = body;
      switch (p.below(8)) {
        case 0:
        case 1: {
          const type = p.of(NUMERIC);
          return [`out.${FIELD[type]} = ${e.value(type, a)};`];
        }
        case 2:
          return [`out.g = ${e.condition(a)};`];
        case 3:
          return [`sc[${e.index(a)}] ${body.assignment('u32', p)} ${e.value('u32', b)};`];
        case 4:
          return [`flows.push({ x: ${e.value('i64', a)}, y: ${e.value('u32', b)}, z: ${e.value('f32', c)} });`];
        case 5:
          return [`flows.x[${e.index(a)}] ${body.assignment('i64', p)} ${e.value('i64', b)};`];
        case 6:
          return [`${e.condition(a)} && (out.c = ${e.value('i64', b)}, out.a = ${e.value('i32', c)});`];
        default:
          return p.below(2) === 0
            ? [`sf[${e.index(a)}] ${body.assignment('f32', p)} ${e.value('f32', b)};`]
            : [`out.b = k.uses.bump({ xs: sc, ys: list.v, at: ${e.value('u32', a)} });`];
      }
    },
  };
  const body = new Statements(shape);
  const lines = [
    // Scratch starts with anything.
    'for (let j = k.u32(0); j < sc.length; j++) sc[j] = j;',
    'for (let j = k.u32(0); j < sf.length; j++) sf[j] = k.f32(j);',
    ...body.block(tree.body),
    ...tree.results.map((result, i) => {
      const type = NUMERIC[i];
      return type === undefined
        ? `out.g = ${body.expressions.condition(result)};`
        : `out.${FIELD[type]} = ${body.expressions.value(type, result)};`;
    }),
  ];
  const text = `(k, { s, list, sc, sf, flows, out, un, ud }) => {\n${lines.map(indent).join('\n')}\n}`;
  const random = new Inputs(tree.data, precision);
  const items = 1 + random.below(9);
  const columns = {
    a: random.column('i32', items),
    b: random.column('u32', items),
    c: random.column('i64', items),
    d: random.column('u64', items),
    e: random.column('f32', items),
    f: random.column('f64', items),
    g: random.column('bool', items),
  };
  const list = Array.from({ length: items }, () =>
    Array.from({ length: random.below(6) }, () => ({
      v: random.value('i32'),
      w: random.value('i64'),
      u: random.value('f32'),
    })),
  );
  return {
    text: [...helpers.texts, text].join('\n'),
    definition: mapFromText(
      { params, uses: { bump, ...helpers.uses }, constants: { SMALL: constant(i32, 5) }, fp: precision },
      text,
      name,
    ),
    args: { size: items, values: { s: columns, list, un: random.below(5), ud: random.value('f64') } },
    tolerance: body.expressions.floatOperations,
  };
}
