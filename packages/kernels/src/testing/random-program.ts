import type { DType } from '@gpu-bridge/abstractions';
import {
  array,
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
} from '../index.js';
import type { KernelDefinition } from '../index.js';
import type { Arguments } from './argument-block.js';
import { mapFromText } from './kernel-from-text.js';

type Numeric = Exclude<DType, 'bool'>;
const TYPES: readonly Numeric[] = ['i32', 'u32', 'i64', 'u64', 'f32', 'f64'];
const FIELD: Record<Numeric, string> = { i32: 'a', u32: 'b', i64: 'c', u64: 'd', f32: 'e', f64: 'f' };
const Record6 = struct({ a: i32, b: u32, c: i64, d: u64, e: f32, f: f64 });

/** Deterministic numbers from a seed (mulberry32). */
class Random {
  constructor(private state: number) {}

  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
}

const mix = helper('mix', { args: { x: i32, y: i64 }, returns: i64 }, (k, { x, y }) => {
  if (x < 0) return y - k.i64(x);
  let z = y;
  for (let i = k.i32(0); i < 3; i++) z = z * 3n + k.i64(i ^ x);
  return z;
});

const bump = helper(
  'bump',
  { args: { xs: mutableArray(u32), ys: array(i32), at: u32 }, returns: u32 },
  (k, { xs, ys, at }) => {
    if (at < xs.length) xs[at]! += k.u32(ys.get(at));
    return xs.get(at + 1) ^ at;
  },
);

/** Grows random programs that always end: loops are counted, and their counters are not assigned otherwise. */
class Grower {
  private names = 0;
  private readonly scopes: { name: string; type: Numeric; mutable: boolean }[][] = [[]];
  private loops = 0;

  constructor(private readonly random: Random) {}

  program(): string {
    return `(k, { s, list, sc, flows, out, un }) => {\n${this.block(6, '  ')}${TYPES.map((t) => `  out.${FIELD[t]} = ${this.expr(t, 3)};\n`).join('')}}`;
  }

  private block(statements: number, indent: string): string {
    this.scopes.push([]);
    let text = '';
    for (let i = 0; i < statements; i++) text += this.statement(indent);
    this.scopes.pop();
    return text;
  }

  private visible(type: Numeric, mutable = false): string[] {
    return this.scopes.flat().flatMap((v) => (v.type === type && (v.mutable || !mutable) ? [v.name] : []));
  }

  private fresh(type: Numeric, mutable: boolean): string {
    const name = `v${this.names++}`;
    this.scopes.at(-1)!.push({ name, type, mutable });
    return name;
  }

  private statement(indent: string): string {
    const { random } = this;
    const type = random.pick(TYPES);
    const inner = `${indent}  `;
    const deep = indent.length > 6;
    switch (random.below(deep ? 6 : 13)) {
      case 0:
      case 1: {
        const value = this.expr(type, 3);
        return `${indent}let ${this.fresh(type, true)} = ${value};\n`;
      }
      case 2: {
        const name: string | undefined = random.pick(this.visible(type, true));
        if (name === undefined) return `${indent}out.${FIELD[type]} = ${this.expr(type, 2)};\n`;
        const isFloat = type === 'f32' || type === 'f64';
        const operator = random.pick(
          isFloat ? ['=', '+=', '*=', '-='] : ['=', '+=', '*=', '^=', '&=', '<<=', '>>=', '/=', '%=', '|='],
        );
        return `${indent}${name} ${operator} ${this.expr(type, 2)};\n`;
      }
      case 3:
        return `${indent}sc[${this.index()}] ${random.pick(['=', '+=', '^='])} ${this.expr('u32', 2)};\n`;
      case 4:
        return `${indent}flows.push({ x: ${this.expr('i64', 2)}, y: ${this.expr('u32', 2)} });\n`;
      case 5:
        return `${indent}flows.${random.pick(['x', 'y'])}[${this.index()}] = 1;\n`.replace(
          /x\[(.*)\] = 1;/,
          'x[$1] = 1n;',
        );
      case 6:
      case 7:
        return `${indent}if (${this.condition(2)}) {\n${this.block(2, inner)}${this.jump(inner)}${indent}} else {\n${this.block(1, inner)}${indent}}\n`;
      case 8: {
        const i = `i${this.names++}`;
        this.loops++;
        this.scopes.push([{ name: i, type: 'u32', mutable: false }]);
        const limit = random.pick(['list.length', `k.u32(${random.below(6)})`, 'sc.length', 'flows.length % 7']);
        const text = `${indent}for (let ${i} = k.u32(${random.below(3)}); ${i} < ${limit}; ${i}++) {\n${this.block(3, inner)}${inner}if (list.v[${i}] > ${this.expr('i32', 1)}) sc[${i}] ${random.pick(['+=', '='])} ${i};\n${indent}}\n`;
        this.scopes.pop();
        this.loops--;
        return text;
      }
      case 9: {
        const i = `n${this.names++}`;
        this.loops++;
        this.scopes.push([{ name: i, type: 'i32', mutable: false }]);
        const text = `${indent}let ${i} = k.i32(${random.below(5)});\n${indent}while (${i} > 0) {\n${inner}${i}--;\n${this.block(2, inner)}${this.jump(inner)}${indent}}\n`;
        this.scopes.pop();
        this.loops--;
        return text;
      }
      case 10: {
        const i = `d${this.names++}`;
        const text = `${indent}let ${i} = k.u32(0);\n${indent}do {\n${inner}sc[${i}++] = ${this.expr('u32', 1)};\n${this.block(1, inner)}${indent}} while (${i} < ${random.below(5)});\n`;
        return text;
      }
      case 11:
        return `${indent}out.b = k.uses.bump({ xs: sc, ys: list.v, at: ${this.expr('u32', 1)} });\n`;
      default:
        return `${indent}${this.condition(1)} && (out.c = ${this.expr('i64', 2)}, out.a = ${this.expr('i32', 1)});\n`;
    }
  }

  /** A jump out, sometimes. */
  private jump(indent: string): string {
    const kind = this.random.below(8);
    if (kind === 0 && this.loops === 0) return `${indent}if (${this.condition(1)}) return;\n`;
    if (this.loops > 0 && kind === 1) return `${indent}if (${this.condition(1)}) break;\n`;
    return this.loops > 0 && kind === 2 ? `${indent}if (${this.condition(1)}) continue;\n` : '';
  }

  private index(): string {
    return this.random.pick([
      this.expr('u32', 1),
      `${this.expr('u32', 1)} % 5`,
      this.expr('i32', 1),
      String(this.random.below(6)),
    ]);
  }

  private condition(depth: number): string {
    const { random } = this;
    if (depth > 0 && random.below(4) === 0)
      return `(${this.condition(depth - 1)} ${random.pick(['&&', '||'])} ${this.condition(depth - 1)})`;
    if (random.below(6) === 0) return `!${this.condition(0)}`;
    const type = random.pick(TYPES);
    return `(${this.leaf(type)} ${random.pick(['<', '<=', '>', '>=', '===', '!=='])} ${this.expr(type, depth)})`;
  }

  /** Literals need a typed neighbour, which a leaf always is. */
  private expr(type: Numeric, depth: number): string {
    const { random } = this;
    if (depth === 0) return this.leaf(type);
    const isFloat = type === 'f32' || type === 'f64';
    const wide = type === 'i64' || type === 'u64';
    switch (random.below(9)) {
      case 0:
        return this.leaf(type);
      case 1:
        return `k.${type}(${this.expr(random.pick(TYPES), depth - 1)})`;
      case 2:
        return `(${this.condition(depth - 1)} ? ${this.expr(type, depth - 1)} : ${this.expr(type, depth - 1)})`;
      case 3:
        return `k.${random.pick(['min', 'max'])}(${this.expr(type, depth - 1)}, ${this.expr(type, depth - 1)})`;
      case 4:
        return isFloat
          ? `k.${random.pick(['sqrt', 'floor', 'ceil', 'trunc', 'abs'])}(${this.expr(type, depth - 1)})`
          : `k.${random.pick(['popcount', 'clz', 'ctz'])}(${this.expr(type, depth - 1)})`;
      case 5:
        return type === 'i64'
          ? `k.uses.mix({ x: ${this.expr('i32', depth - 1)}, y: ${this.expr('i64', depth - 1)} })`
          : `(-${this.expr(type, depth - 1)})`;
      case 6:
        return `(${this.leaf(type)} ${random.pick(['+', '-', '*'])} ${wide ? `${random.below(9)}n` : random.below(9)})`;
      default: {
        const operators = isFloat ? ['+', '-', '*', '/'] : ['+', '-', '*', '/', '%', '&', '|', '^', '<<', '>>'];
        return `(${this.expr(type, depth - 1)} ${random.pick(operators)} ${this.expr(type, depth - 1)})`;
      }
    }
  }

  private leaf(type: Numeric): string {
    const { random } = this;
    const options = [`s.${FIELD[type]}`, `s.${FIELD[type]}`, ...this.visible(type)];
    if (type === 'u32')
      options.push(
        'list.length',
        'k.item',
        'un',
        'flows.length',
        'flows.capacity',
        `sc[${random.below(7)}]`,
        `flows.y[${random.below(3)}]`,
      );
    if (type === 'i32')
      options.push(`list.v[${random.below(6)}]`, `list.v[sc[${random.below(4)}]]`, `k.i32(${random.below(100) - 50})`);
    if (type === 'i64') options.push(`list.w[${random.below(6)}]`, `flows.x.get(${random.below(3)})`);
    return random.pick(options);
  }
}

const params = {
  s: input(Record6),
  list: input(ragged(struct({ v: i32, w: i64 }))),
  sc: scratch(u32, { max: [1, 2] }),
  flows: output(ragged(struct({ x: i64, y: u32 }), { max: [1, 1] })),
  out: output(Record6),
  un: uniform(u32),
};

export interface RandomProgram {
  readonly text: string;
  readonly definition: KernelDefinition;
  readonly args: Arguments;
}

const I32 = [0, 1, -1, 2, 7, -2147483648, 2147483647, 65536];
const I64 = [0n, 1n, -1n, 10n, -(2n ** 63n), 2n ** 63n - 1n, 4294967296n, -77n];
const F64 = [0, -0, 1, -1.5, NaN, Infinity, -Infinity, 1e-310, 3.7e19, 0.1];

/** The program and the input that belong to a seed. */
export function randomProgram(seed: number, items = 8): RandomProgram {
  const random = new Random(seed);
  // Scratch starts undefined; the test memory is zeroed, and both artifacts see the same.
  const text = new Grower(random).program();
  const column = <T>(values: readonly T[]): T[] => Array.from({ length: items }, () => random.pick(values));
  const values = {
    s: {
      a: column(I32),
      b: column(I32.map((n) => n >>> 0)),
      c: column(I64),
      d: column(I64.map((n) => BigInt.asUintN(64, n))),
      e: column(F64.map(Math.fround)),
      f: column(F64),
    },
    list: Array.from({ length: items }, () =>
      Array.from({ length: random.below(6) }, () => ({ v: random.pick(I32), w: random.pick(I64) })),
    ),
    un: random.below(5),
  };
  return {
    text,
    definition: mapFromText({ params, uses: { mix, bump } }, text, 'test/random'),
    args: { size: items, values },
  };
}
