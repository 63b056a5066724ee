import type { DType } from '@gpu-bridge/abstractions';
import {
  atomic,
  bool,
  constant,
  f32,
  f64,
  i32,
  i64,
  inout,
  input,
  output,
  shared,
  sharedAtomic,
  struct,
  u32,
  u64,
  uniform,
} from '../../index.js';
import { gridFromText } from '../kernel-from-text.js';
import { NARROW, NUMERIC } from './expressions.js';
import type { Precision } from './expressions.js';
import { FIELD } from './fields.js';
import { randomHelpers } from './helpers.js';
import { Inputs } from './inputs.js';
import type { RandomProgram } from './random-program.js';
import { Phases } from './phases.js';
import { Statements, indent } from './statements.js';
import type { Shape } from './statements.js';
import { Picks } from './tree.js';
import type { ProgramTree } from './tree.js';

const Record6 = struct({ a: i32, b: u32, c: i64, d: u64, e: f32, f: f64 });
const params = {
  src: input(Record6),
  flags: input(bool),
  idx: input(u32, { indexes: 'src' }),
  out: output(Record6),
  wide: output(u32),
  acc: inout(Record6),
  bins: atomic(u32),
  sums: atomic(i64),
  counts: atomic(f32),
  own: atomic(i32),
  un: uniform(u32),
  us: uniform(i32),
  uf: uniform(f32),
  ub: uniform(bool),
};
const LEAVES: Readonly<Record<DType, readonly string[]>> = {
  bool: ['ub', 'flags[gid]', '(gid % 2 === 1)'],
  i32: ['src.a[gid]', 'src.a[gid]', 'us', 'k.i32(-7)'],
  u32: ['src.b[gid]', 'gid', 'k.global.x', 'k.global.y', 'k.globalSize.x', 'un', 'src.length', 'k.constants.SMALL'],
  i64: ['src.c[gid]', 'src.c[idx[gid]]', 'k.i64(1000000007n)'],
  u64: ['src.d[gid]', 'k.u64(3n)'],
  f32: ['src.e[gid]', 'src.e[gid]', 'src.e[idx[gid]]', 'uf', 'k.f32(0.75)'],
  f64: ['src.f[gid]', 'k.f64(1.25)'],
};
const COMMUTING = ['Add', 'Min', 'Max', 'And', 'Or', 'Xor'];
/** Each id has its own element, wherever it is. */
const OWN_PLACES = ['gid', 'gid * 2', '(wide.length - 1 - gid)', 'gid * 3 + 1'];
const WORKGROUPS = [4, 8, [4, 2], 16, [2, 2, 2]] as const;

interface Workgroup {
  readonly sizes: (typeof WORKGROUPS)[number];
  readonly grid: 'exact' | 'full-groups';
}

/**
 * Once per id: gathers, own elements, atomics; with a workgroup also shared arrays and, in full groups, barriers.
 *
 * @param isNarrow - only what lanes of 32 bits can run side by side.
 */
export function gridProgram(
  tree: ProgramTree,
  precision: Precision,
  name: string,
  hasWorkgroup: boolean,
  isNarrow: boolean,
): RandomProgram {
  const p = new Picks(tree.shape);
  const workgroup: Workgroup | null = hasWorkgroup
    ? { sizes: WORKGROUPS[p.below(isNarrow ? 4 : 5)] ?? 4, grid: p.below(4) === 0 ? 'exact' : 'full-groups' }
    : null;
  const types = isNarrow ? NARROW : NUMERIC;
  const isFull = workgroup?.grid === 'full-groups';
  const helpers = randomHelpers(tree.helpers, precision, types, types);
  const operators = { bins: p.of(COMMUTING), sums: p.of(COMMUTING), shared: p.of(COMMUTING) };
  const wide = p.of(OWN_PLACES);
  const phases = new Phases(operators.shared, types);
  // Ids beyond the global size share their linear index with others.
  const inside = (line: string): string => (isFull ? `if (k.inRange) ${line}` : line);
  const shape: Shape = {
    precision,
    types,
    helpers: helpers.callable,
    indexes: ['gid', 'idx[gid]', 'un', ...(workgroup ? ['lid', 'k.group.x'] : [])],
    leaves: (type) => [
      ...LEAVES[type],
      ...(workgroup ? GROUP_LEAVES[type] : []),
      ...(isFull ? phases.leaves(type) : []),
      ...(isFull && type === 'bool' ? ['k.inRange'] : []),
    ],
    arrays: (type) => [
      `src.${FIELD[type]}`,
      ...(type === 'u32' ? ['idx'] : []),
      ...(isFull ? phases.arrays(type) : []),
    ],
    leave: () => (isFull ? null : 'return;'),
    effect: (body, picks, stmt) => {
      const phased = isFull ? phases.effect(body, picks, stmt) : undefined;
      if (phased) return phased;
      const { expressions: e } = body;
      const [a, b] = stmt.exprs;
      // Beyond 6 are forms that keep ids from running side by side.
      switch (picks.below(isNarrow ? 6 : 9)) {
        case 0:
        case 1: {
          const type = picks.of(types);
          return [inside(`out.${FIELD[type]}[gid] = ${e.value(type, a)};`)];
        }
        case 2:
        case 3: {
          const type = picks.of(types);
          return [
            inside(`acc.${FIELD[type]}[gid] ${body.assignment(type, picks)} ${body.kept(type, e.value(type, a))};`),
          ];
        }
        case 4:
          return [inside(`wide[${wide}] = ${e.value('u32', a)};`)];
        case 5:
          return [`k.atomic${operators.bins}(bins, k.u32(${e.index(a)}), ${e.value('u32', b)});`];
        case 6:
          return [`k.atomic${operators.sums}(sums, k.u32(${e.index(a)}), ${e.value('i64', b)});`];
        case 7:
          // Small whole numbers add up exactly in any order.
          return [`k.atomicAdd(counts, k.u32(${e.index(a)}), k.f32(${e.value('u32', b)} % 8));`];
        default: {
          if (isFull) return [`if (k.inRange) k.atomicAdd(own, gid, ${e.value('i32', a)});`];
          const old = body.fresh('o');
          const call = picks.of([
            `k.atomicExchange(own, gid, ${e.value('i32', a)})`,
            `k.atomicCompareExchange(own, gid, ${e.value('i32', a)}, ${e.value('i32', b)})`,
            `k.atomic${picks.of(COMMUTING)}(own, gid, ${e.value('i32', a)})`,
            'k.atomicLoad(own, gid)',
          ]);
          body.declare(old, 'i32');
          return [`const ${old} = ${call};`];
        }
      }
    },
  };
  const body = new Statements(shape);
  const lines = [
    'const gid = k.global.x + k.globalSize.x * (k.global.y + k.globalSize.y * k.global.z);',
    ...(workgroup ? ['const lid = k.local.x + k.localSize.x * (k.local.y + k.localSize.y * k.local.z);'] : []),
    ...body.block(tree.body),
    ...tree.results.slice(0, types.length).map((result, i) => {
      const type = types[i] ?? 'i32';
      return inside(`out.${FIELD[type]}[gid] = ${body.expressions.value(type, result)};`);
    }),
  ];
  const names = [...Object.keys(params), ...(isFull ? Object.keys(SHARED) : [])];
  const text = `(k, { ${names.join(', ')} }) => {\n${lines.map(indent).join('\n')}\n}`;
  const random = new Inputs(tree.data, precision);
  const axes = workgroup === null || typeof workgroup.sizes === 'number' ? 1 + random.below(2) : workgroup.sizes.length;
  const size = [
    1 + random.below(axes === 1 ? 40 : 7),
    axes > 1 ? 1 + random.below(5) : 1,
    axes > 2 ? 1 + random.below(3) : 1,
  ] as const;
  const ids = size[0] * size[1] * size[2];
  // Sometimes shorter than the grid, so that some ids are outside.
  const length = Math.max(1, ids - (random.below(3) === 0 ? 2 : 0));
  const record = (): Record<string, unknown> =>
    Object.fromEntries(NUMERIC.map((type) => [FIELD[type], random.column(type, length)]));
  const options = {
    params,
    uses: helpers.uses,
    constants: { SMALL: constant(u32, 5) },
    fp: precision,
    ...(workgroup ? { workgroup: workgroup.sizes, grid: workgroup.grid } : {}),
    ...(isFull ? { shared: SHARED } : {}),
  };
  return {
    text: [...helpers.texts, JSON.stringify({ size, length, ...workgroup }), text].join('\n'),
    definition: gridFromText(options, text, name),
    args: {
      size,
      values: {
        src: record(),
        flags: random.column('bool', length),
        idx: Array.from({ length: ids }, () => random.below(length)),
        out: length,
        wide: 2 * ids,
        acc: record(),
        bins: 7,
        sums: 5,
        counts: 6,
        own: length,
        un: random.below(5),
        us: random.below(9) - 4,
        uf: random.value('f32'),
        ub: random.below(2) === 1,
      },
    },
    tolerance: body.expressions.floatOperations,
  };
}

const GROUP_LEAVES: Readonly<Record<DType, readonly string[]>> = {
  bool: ['(lid === 0)'],
  i32: [],
  u32: ['lid', 'k.local.x', 'k.local.y', 'k.group.x', 'k.groupCount.x', 'k.localSize.x', 'k.group.y'],
  i64: [],
  u64: [],
  f32: [],
  f64: [],
};

/** One element per id of the largest workgroup, and some. */
const SHARED = {
  ti: shared(i32, 16),
  tu: shared(u32, 16),
  tl: shared(i64, 16),
  tf: shared(f32, 16),
  td: shared(f64, 16),
  sbins: sharedAtomic(u32, 6),
};
