import type { CpuForm } from '../../ir/cpu-form.js';
import type { ArrayRef, IrFunction, IrKernel } from '../../ir/nodes.js';
import { planOf } from '../plan.js';
import { stmtLines } from './expressions.js';
import type { JsNames } from './expressions.js';
import { gridLines } from './grid-lines.js';
import { groupLines } from './group-lines.js';
import { mapLines } from './map-lines.js';
import { declareLocals, helperName, localNames, missing } from './names.js';
import { preludeFor } from './prelude.js';

const VIEWS = [
  ['f32s', 'Float32Array', 4],
  ['f64s', 'Float64Array', 8],
  ['i32s', 'Int32Array', 4],
  ['u32s', 'Uint32Array', 4],
  ['i64s', 'BigInt64Array', 8],
  ['u64s', 'BigUint64Array', 8],
] as const;

/** The kernel as JavaScript text; see `KernelArtifact`. */
export function emitJs(form: CpuForm): string {
  const { kernel } = form;
  const plan = planOf(kernel);
  const helpers = kernel.helpers.flatMap((fn, i) => helperLines(kernel, fn, i));
  const lines = kernel.kind === 'map' ? mapLines : kernel.workgroup === null ? gridLines : groupLines;
  const run = lines(form, plan);
  const text = [...helpers, ...run].join('\n');
  const prelude = preludeFor(text);
  const used = [...prelude, text].join('\n');
  const views = VIEWS.filter(([name]) => name === 'u32s' || used.includes(name)).map(
    ([name, type, bytes]) => `  const ${name} = new ${type}(memory, 0, Math.floor(memory.byteLength / ${bytes}));`,
  );
  return [
    '(memory) => {',
    ...views,
    '  let violations = 0;',
    ...prelude.map((line) => `  ${line}`),
    ...helpers,
    '  return (block, first, count, executor) => {',
    '    violations = 0;',
    ...run,
    '    return Math.min(violations, 2147483647);',
    '  };',
    '}',
  ].join('\n');
}

function helperLines(kernel: IrKernel, fn: IrFunction, index: number): string[] {
  const local = localNames(fn.locals);
  const argName = (i: number): string => {
    const arg = fn.args[i];
    return arg?.kind === 'array' ? `${arg.name}_array` : 'scalar';
  };
  const startOf = (array: ArrayRef): string => (array.kind === 'arg' ? `${argName(array.arg)}_start` : missing());
  const names: JsNames = {
    local,
    start: startOf,
    length: (length) => (length.kind === 'arg' ? `${argName(length.arg)}_length` : missing()),
    inRange: 'true',
    uniform: missing,
    column: missing,
    count: missing,
    items: missing,
    helper: (i) => helperName(kernel, i),
    leave: (values) => (values.length > 1 ? `return [${values.join(', ')}];` : `return ${values.join('')};`),
  };
  const params = fn.args.flatMap((arg, i) =>
    arg.kind === 'scalar' ? [local(arg.local)] : [`${argName(i)}_start`, `${argName(i)}_length`],
  );
  const scalars = new Set(fn.args.flatMap((arg) => (arg.kind === 'scalar' ? [arg.local] : [])));
  const own = [...fn.locals.keys()].filter((i) => !scalars.has(i));
  return [
    `  function ${helperName(kernel, index)}(${params.join(', ')}) {`,
    ...declareLocals(local, own, '    '),
    ...stmtLines(names, fn.body, '    '),
    '  }',
  ];
}
