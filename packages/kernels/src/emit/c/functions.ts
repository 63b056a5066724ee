import type { ArrayRef, IrArg, IrFunction, IrKernel } from '../../ir/nodes.js';
import { BodyPrinter } from './body.js';
import type { Surroundings } from './body.js';
import type { Dialect, Space } from './dialect.js';
import { EFFECT } from './effects.js';
import type { Effects } from './effects.js';
import { localName, plain } from './names.js';
import { primary } from './operators.js';

/**
 * The helpers of a kernel, once for each combination of address spaces their arrays are called with. Names are given when
 * a caller is printed, so callers are printed first; in the text callees come first.
 */
export class HelperTexts {
  /** Per helper: the spaces of its array arguments, by name. */
  private readonly variants: Map<string, readonly Space[]>[];

  constructor(
    private readonly dialect: Dialect,
    private readonly kernel: IrKernel,
    private readonly prefix: string,
    private readonly effects: Effects,
  ) {
    this.variants = kernel.helpers.map(() => new Map<string, readonly Space[]>());
  }

  readonly name = (helper: number, spaces: readonly Space[]): string => {
    const told = this.dialect.spaces.shared === '' ? spaces.map((): Space => 'global') : spaces;
    const ending = told.includes('shared') ? `_${told.map((space) => space.charAt(0)).join('')}` : '';
    const name = `${this.prefix}_${plain(this.kernel.helpers[helper]?.name ?? '')}_${helper}${ending}`;
    this.variants[helper]?.set(name, told);
    return name;
  };

  /** Text of everything that was named. */
  lines(): string[] {
    const texts: string[][] = [];
    // A helper calls only those before it, so their variants are known when their turn comes.
    for (let i = this.kernel.helpers.length - 1; i >= 0; i--) {
      const fn = this.kernel.helpers[i];
      const variants = this.variants[i];
      if (fn && variants) texts.unshift([...variants].flatMap(([name, spaces]) => this.text(fn, i, name, spaces)));
    }
    return texts.flat();
  }

  private text(fn: IrFunction, index: number, name: string, spaces: readonly Space[]): string[] {
    const { dialect } = this;
    const argName = (i: number): string => `${plain(arrayArg(fn.args[i]).name)}_a${i}`;
    const left = [...spaces];
    const spaceOf = new Map<number, Space>();
    fn.args.forEach((arg, i) => {
      if (arg.kind === 'array') spaceOf.set(i, left.shift() ?? 'global');
    });
    const argOf = (array: ArrayRef): number => (array.kind === 'arg' ? array.arg : unreachable());
    const around: Surroundings = {
      local: (local) => localName(fn, local),
      pointer: (array) => argName(argOf(array)),
      space: (array) => spaceOf.get(argOf(array)) ?? 'global',
      length: (length) => primary(length.kind === 'arg' ? `${argName(length.arg)}_length` : unreachable()),
      uniform: unreachable,
      get item() {
        return unreachable();
      },
      id: unreachable,
      get inRange() {
        return unreachable();
      },
      element: unreachable,
      count: unreachable,
      helper: this.name,
      isCombined: () => false,
      leave: (values) => {
        if (values.length === 1) return [`return ${values[0]?.text};`];
        return [...values.map((value, i) => `*result_${i} = ${value.text};`), 'return;'];
      },
      items: unreachable,
    };
    const params = fn.args.flatMap((arg, i) =>
      arg.kind === 'scalar'
        ? [`${dialect.types[arg.dtype]} ${localName(fn, arg.local)}`]
        : [
            `${BodyPrinter.arrayType(dialect, spaceOf.get(i) ?? 'global', arg.dtype, arg.writable)} ${argName(i)}`,
            `${dialect.types.u32} ${argName(i)}_length`,
          ],
    );
    const results = fn.results.length > 1 ? fn.results.map((type, i) => `${dialect.types[type]}* result_${i}`) : [];
    const counts = (this.effects.ofHelper(index) & EFFECT.counts) !== 0;
    const violations = counts ? [`${dialect.types.u64}* violations`] : [];
    const only = fn.results.length === 1 ? fn.results[0] : undefined;
    const scalars = new Set(fn.args.flatMap((arg) => (arg.kind === 'scalar' ? [arg.local] : [])));
    return [
      `${dialect.functionPrefix} ${only === undefined ? 'void' : dialect.types[only]} ${name}(${[...params, ...results, ...violations].join(', ')}) {`,
      ...new BodyPrinter(dialect, fn, around, this.effects, scalars).print(),
      '}',
    ];
  }
}

function arrayArg(arg: IrArg | undefined): IrArg & { kind: 'array' } {
  return arg?.kind === 'array' ? arg : unreachable();
}

function unreachable(): never {
  throw new Error('a helper reaches only its arguments');
}
