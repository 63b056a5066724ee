import type { CpuForm } from '../../ir/cpu-form.js';
import type { Axis, IrKernel, Items } from '../../ir/nodes.js';
import { BodyPrinter } from './body.js';
import type { Surroundings } from './body.js';
import { withoutUnused } from './driver.js';
import type { Declared, Driver } from './driver.js';
import type { Effects } from './effects.js';
import { localName } from './names.js';
import { VectorPrinter, WIDTH } from './spmd/vector-printer.js';
import type { Vectors } from './spmd/vector-printer.js';

const AXES: readonly Axis[] = ['x', 'y', 'z'];

export interface GroupFunction {
  readonly lines: readonly string[];
  readonly call: string;
}

/** Array with a value of the local for every id of the group. */
export function keptName(kernel: IrKernel, local: number): string {
  return `${localName(kernel.main, local)}_kept`;
}

/** A function that runs one workgroup: the group's own code, with loops over the ids where ids do something. */
export function groupFunction(
  driver: Driver,
  form: CpuForm,
  name: string,
  effects: Effects,
  helper: Surroundings['helper'],
  vectors: Vectors,
): GroupFunction {
  const { kernel, workspace } = form;
  const { dialect } = driver;
  let labels = 0;
  /** Label behind the ids' code that is being printed; null in code of the group. */
  let label: string | null = null;
  const around: Surroundings = {
    ...driver.surroundings(helper),
    leave: () => [label === null ? 'return;' : `goto ${label};`],
    items: (items, printer) => {
      label = `next_${++labels}`;
      const body = printer.capture(() => printer.block(items.body)).lines;
      const vector = vectors.get(items);
      const kept = (local: number): string => keptName(kernel, local);
      const lanes = vector && new VectorPrinter(WIDTH, vector, around, printer, kept, `lanes_${labels}`).print();
      printer.line(...itemsLines(driver, form, items, printer, body, label, lanes));
      label = null;
    },
  };
  const printer = new BodyPrinter(dialect, kernel.main, around, effects, new Set(workspace.spills.keys()));
  const body = printer.print();
  const kept = [...workspace.spills.keys()].map((local): Declared => ({
    type: `${driver.storage(kernel.main.locals[local]?.type ?? 'u32')}* ${dialect.restrict}`,
    name: keptName(kernel, local),
  }));
  const numbers = (['group', 'groupCount', 'globalSize'] as const).flatMap((which) =>
    AXES.map((axis): Declared => ({ type: dialect.types.u32, name: `${which}_${axis}` })),
  );
  const words = new Set(body.join('\n').match(/\w+/g));
  const params = [...driver.arrayParams(), ...kept, ...numbers, ...driver.lastParams()].filter((p) =>
    words.has(p.name),
  );
  return {
    lines: [
      `${dialect.functionPrefix} void ${name}(${params.map((p) => `${p.type} ${p.name}`).join(', ')}) {`,
      ...body,
      '}',
    ],
    call: `${name}(${params.map((p) => p.given ?? p.name).join(', ')});`,
  };
}

/** Loops over the ids of the group around `body`, which jumps to `label` to end its id. */
function itemsLines(
  driver: Driver,
  { kernel, workspace }: CpuForm,
  items: Items,
  printer: BodyPrinter,
  body: readonly string[],
  label: string,
  /** The same for as many neighbouring ids as a vector has lanes. */
  lanes: readonly string[] | undefined,
): string[] {
  const { dialect } = driver;
  const { u32 } = dialect.types;
  const words = new Set(body.join('\n').match(/\w+/g));
  const kept = [...workspace.spills.keys()].flatMap((local) => {
    const [load, store] = [items.loads.includes(local), items.stores.includes(local)];
    const local_ = localName(kernel.main, local);
    if (!load && !store && !words.has(local_)) return [];
    const type = dialect.types[kernel.main.locals[local]?.type ?? 'u32'];
    const element = `${keptName(kernel, local)}[lane]`;
    return [
      {
        before: `${type} ${local_} = ${load ? element : '0'};`,
        after: store ? [`${element} = ${local_};`] : [],
      },
    ];
  });
  const after = kept.flatMap((local) => local.after);
  // A jump must not cross declarations on its way to the label.
  const isLeft = body.some((line) => line.includes(`goto ${label};`));
  const inside = isLeft ? ['{', ...body.map((line) => `  ${line}`), '}', `${label}:;`] : body;
  const code = [...kept.map((local) => local.before), ...inside, ...after];
  const [sx, sy, sz] = driver.workgroup();
  const end = (axis: Axis, i: number): string => {
    const size = `${driver.workgroup()[i]}u`;
    if (kernel.fullGroups) return size;
    const left = `globalSize_${axis} - group_${axis} * ${size}`;
    return `(${left} < ${size} ? ${left} : ${size})`;
  };
  const below = items.below === null ? undefined : printer.expr(items.below).text;
  const loop = (axis: Axis, to: string): string =>
    `for (${u32} local_${axis} = 0; local_${axis} < ${to}; ++local_${axis}) {`;
  const outer = [...(sz > 1 ? [loop('z', end('z', 2))] : []), ...(sy > 1 ? [loop('y', end('y', 1))] : [])];
  const fixed = [
    ...(sz > 1 ? [] : [`const ${u32} local_z = 0;`]),
    ...(sy > 1 ? [] : [`const ${u32} local_y = 0;`]),
    `const ${u32} lane = local_x + ${sx}u * (local_y + ${sy}u * local_z);`,
  ];
  const withIds = (text: readonly string[]): string[] =>
    withoutUnused([...fixed, ...driver.globalIds()], text)
      .concat(text)
      .map((line) => `    ${line}`);
  const stop = below === undefined ? end('x', 0) : `(below < end ? below : end)`;
  const vector =
    lanes === undefined
      ? []
      : [`  for (; stop - local_x >= ${WIDTH}u; local_x += ${WIDTH}u) {`, ...withIds(lanes), '  }'];
  return [
    '{',
    ...(below === undefined ? [] : [`  const ${u32} end = ${end('x', 0)};`, `  const ${u32} below = ${below};`]),
    `  const ${u32} stop = ${stop};`,
    ...outer.map((line) => `  ${line}`),
    `  ${u32} local_x = 0;`,
    ...vector,
    '  for (; local_x < stop; ++local_x) {',
    ...withIds(code),
    '  }',
    ...outer.map(() => '  }'),
    '}',
  ];
}
