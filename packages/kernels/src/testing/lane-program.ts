import { atomic, bool, f32, helper, i32, inout, input, output, u32, uniform } from '../index.js';
import type { KernelDefinition } from '../index.js';
import type { Arguments } from './argument-block.js';
import { gridFromText } from './kernel-from-text.js';

type Type = 'f32' | 'i32' | 'u32' | 'bool';
const TYPES: readonly Type[] = ['f32', 'i32', 'u32', 'bool'];
const NUMBERS: readonly Exclude<Type, 'bool'>[] = ['f32', 'i32', 'u32'];

const params = {
  f: input(f32),
  s: input(i32),
  u: input(u32),
  b: input(bool),
  outF: output(f32),
  outS: inout(i32),
  outU: inout(u32),
  outB: inout(bool),
  bins: atomic(u32),
  n: uniform(u32),
  x: uniform(f32),
};
const ARRAY: Readonly<Record<Type, string>> = { f32: 'f', i32: 's', u32: 'u', bool: 'b' };
const OUT: Readonly<Record<Type, string>> = { f32: 'outF', i32: 'outS', u32: 'outU', bool: 'outB' };

const early = helper('early', { args: { a: f32, c: u32 }, returns: f32 }, (k, { a, c }) => {
  if (a < 0) return -a;
  let y = a;
  for (let i = k.u32(0); i < (c & 7); i++) {
    if (y > 100) break;
    if (i === 5) return y * 2;
    if ((c & 8) === 0) continue;
    y = y * y + 0.5;
  }
  return y;
});
const fold = helper('fold', { args: { p: i32, q: i32 }, returns: i32 }, (k, { p, q }) => {
  let z = p;
  do {
    z = z * 3 + q;
  } while (z > 10 && z < 1000);
  return z / q;
});

/** Random kernels of 32-bit values whose ids write only elements of their own, so that any order gives the same. */
class LaneProgram {
  private names = 0;
  private loops = 0;
  private readonly scopes: { name: string; type: Type; mutable: boolean }[][] = [[]];

  constructor(private state: number) {}

  private below(limit: number): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  private pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  text(): string {
    const body = this.block(7, 2);
    const ends = TYPES.map((t) => `  ${OUT[t]}[i] = ${this.expr(t, 3)};\n`).join('');
    return `(k, { ${Object.keys(params).join(', ')} }) => {\n  const i = k.global.x;\n${body}${ends}}`;
  }

  private block(count: number, depth: number): string {
    this.scopes.push([]);
    const text = Array.from({ length: count }, () => this.statement(depth)).join('');
    this.scopes.pop();
    return text;
  }

  private visible(type: Type, mutable = false): string[] {
    return this.scopes.flat().flatMap((v) => (v.type === type && (v.mutable || !mutable) ? [v.name] : []));
  }

  private declare(type: Type, mutable: boolean): string {
    const name = `v${this.names++}`;
    this.scopes.at(-1)?.push({ name, type, mutable });
    return name;
  }

  private statement(depth: number): string {
    const pad = '  '.repeat(depth);
    const type = this.pick(TYPES);
    switch (this.below(depth > 5 ? 6 : 12)) {
      case 0:
      case 1: {
        const value = this.expr(type, 3);
        return `${pad}let ${this.declare(type, true)} = ${value};\n`;
      }
      case 2:
      case 3: {
        const name: string | undefined = this.pick(this.visible(type, true));
        if (name === undefined) return '';
        const operator =
          type === 'bool' ? '=' : this.pick(type === 'f32' ? ['=', '+=', '*='] : ['=', '+=', '-=', '^=']);
        return `${pad}${name} ${operator} ${this.expr(type, 2)};\n`;
      }
      case 4: {
        const operator = type === 'bool' || type === 'f32' ? '=' : this.pick(['=', '+=', '/=', '^=']);
        return `${pad}${OUT[type]}[${this.ownIndex()}] ${operator} ${this.expr(type, 2)};\n`;
      }
      case 5:
        return `${pad}k.atomicAdd(bins, ${this.expr('u32', 1)}${this.pick(['', ' % 4'])}, ${this.expr('u32', 1)});\n`;
      case 6:
      case 7: {
        const otherwise = this.below(2) ? '' : ` else {\n${this.block(2, depth + 1)}${this.jump(depth + 1)}${pad}}`;
        return `${pad}if (${this.expr('bool', 2)}) {\n${this.block(2, depth + 1)}${this.jump(depth + 1)}${pad}}${otherwise}\n`;
      }
      case 8:
      case 9: {
        const name = `j${this.names++}`;
        const limit = this.pick(['n', `${this.expr('u32', 1)} % 6`, '5', '(u[i] & 3)']);
        return this.loop(
          name,
          (body) => `${pad}for (let ${name} = k.u32(0); ${name} < ${limit}; ${name}++) {\n${body}${pad}}\n`,
          depth,
        );
      }
      case 10: {
        const name = `w${this.names++}`;
        const open = `${pad}let ${name} = ${this.pick(['i', 'n', 'u[i]'])} % 5;\n`;
        const test = this.pick(['', ` && ${this.expr('bool', 1)}`]);
        return this.loop(
          name,
          (body) => `${open}${pad}while (${name} > 0${test}) {\n${pad}  ${name}--;\n${body}${pad}}\n`,
          depth,
        );
      }
      default: {
        const name = `d${this.names++}`;
        const open = `${pad}let ${name} = k.u32(0);\n`;
        return this.loop(
          name,
          (body) =>
            `${open}${pad}do {\n${pad}  ${name}++;\n${body}${pad}} while (${name} < ${this.pick(['3', '(u[i] & 3)', 'n'])});\n`,
          depth,
        );
      }
    }
  }

  private loop(counter: string, around: (body: string) => string, depth: number): string {
    this.loops++;
    this.scopes.push([{ name: counter, type: 'u32', mutable: false }]);
    const body = this.block(2, depth + 1) + this.jump(depth + 1);
    this.scopes.pop();
    this.loops--;
    return around(body);
  }

  private jump(depth: number): string {
    const kind = this.pick(['', '', '', 'break', 'continue', 'return']);
    if (kind === '' || (kind !== 'return' && this.loops === 0)) return '';
    return `${'  '.repeat(depth)}if (${this.expr('bool', 1)}) ${kind};\n`;
  }

  /** The id's own element, or none. */
  private ownIndex(): string {
    return this.pick([
      'i',
      'i',
      'i',
      `${this.expr('bool', 1)} ? i : 1000000`,
      `i + k.u32(${this.expr('bool', 1)}) * 1000000`,
    ]);
  }

  private index(): string {
    return this.pick([
      'i',
      'i',
      'i + 1',
      'i - 2',
      'i + n',
      'n',
      '2',
      `${this.expr('u32', 1)} % (n + 3)`,
      this.expr('i32', 1),
    ]);
  }

  private expr(type: Type, depth: number): string {
    if (depth === 0) return this.leaf(type);
    const e = (t: Type): string => this.expr(t, depth - 1);
    if (type === 'bool') {
      const t = this.pick(NUMBERS);
      return this.pick([
        () => `(${this.leaf(t)} ${this.pick(['<', '<=', '>', '>=', '===', '!=='])} ${e(t)})`,
        () => `(${e('bool')} ${this.pick(['&&', '||', '===', '!=='])} ${e('bool')})`,
        () => `!${e('bool')}`,
        () => `k.bool(${e(t)})`,
        () => this.leaf('bool'),
      ])();
    }
    const assigned: string | undefined = this.pick(this.visible(type, true));
    return this.pick([
      () => this.leaf(type),
      () => `(${e('bool')} ? ${e(type)} : ${e(type)})`,
      () => `k.select(${e('bool')}, ${e(type)}, ${e(type)})`,
      () => `k.${type}(${e(this.pick(TYPES))})`,
      () => `k.${this.pick(['min', 'max'])}(${e(type)}, ${e(type)})`,
      () => `(-${e(type)})`,
      () => (assigned === undefined ? this.leaf(type) : `(${assigned} = ${e(type)})`),
      () =>
        type === 'f32'
          ? `k.${this.pick(['sqrt', 'floor', 'ceil', 'trunc', 'abs'])}(${e(type)})`
          : `k.${this.pick(['popcount', 'clz', 'ctz'])}(${e(type)})`,
      () =>
        type === 'f32'
          ? `k.uses.early({ a: ${e('f32')}, c: ${e('u32')} })`
          : `k.${type}(k.uses.fold({ p: ${e('i32')}, q: ${e('i32')} }))`,
      () =>
        `(${e(type)} ${this.pick(type === 'f32' ? ['+', '-', '*', '/'] : ['+', '-', '*', '/', '%', '&', '|', '^', '<<', '>>', '>>>'])} ${e(type)})`,
    ])();
  }

  private leaf(type: Type): string {
    const own = `${ARRAY[type]}[${this.loops > 3 ? 'i' : this.pick(['i', 'i', 'i + 1', 'i - 1', 'n', 'i * 2', 'u[i] % 9', '0'])}]`;
    const more = {
      f32: ['x', 'k.f32(1.5)'],
      i32: ['k.i32(-3)', 'k.i32(7)'],
      u32: ['n', 'i', 'u.length'],
      bool: ['(i > 2)'],
    };
    return this.pick([own, own, ...this.visible(type), ...more[type]]);
  }
}

export function laneProgram(seed: number): { readonly text: string; readonly definition: KernelDefinition } {
  const text = new LaneProgram(seed).text();
  return { text, definition: gridFromText({ params, uses: { early, fold } }, text, `test/lanes-${seed}`) };
}

const F32 = [0, -0, 1, -1.5, NaN, Infinity, -Infinity, 1e-42, 3e9, 0.1, 7, 100];
const I32 = [0, 1, -1, 2, 7, -2147483648, 2147483647, 65536];

export function laneArguments(seed: number, size: number): Arguments {
  let state = seed;
  const next = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 8;
  const column = <T>(values: readonly T[]): T[] =>
    Array.from({ length: size }, () => values[next() % values.length] as T);
  return {
    size,
    values: {
      f: column(F32.map(Math.fround)),
      s: column(I32),
      u: column([0, 1, 2, 3, 4, 5, 8, 13, 2 ** 32 - 1, 2 ** 31]),
      b: column([true, false]),
      outF: size,
      outS: column(I32),
      outU: column([0, 1, 5]),
      outB: column([true, false]),
      bins: 4,
      n: next() % 6,
      x: 2.5,
    },
  };
}
