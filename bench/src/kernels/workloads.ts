import type { KernelDefinition } from '@gpu-bridge/kernels';
import type { Arena, Column } from './arena.js';
import { orientedRmat, randomNumbers } from './graph.js';
import { plainLoops } from './javascript.js';
import { blackScholes, blockSum, histogram, mandelbrot, triangles, vadd } from './kernels.js';

export type KernelName = keyof typeof plainLoops;
/** Columns by parameter; a uniform is a column of one element. */
export type Columns = Readonly<Record<string, Float32Array | Uint32Array>>;

/** How far results may be from those of plain JavaScript. */
export interface Tolerance {
  /** Largest difference of an element. */
  readonly absolute: number;
  /** Part of the elements that may differ by more. */
  readonly share: number;
}
const EXACT: Tolerance = { absolute: 0, share: 0 };

/** One kernel with the data it is measured on. */
export interface Workload {
  readonly name: KernelName;
  readonly definition: KernelDefinition;
  readonly size: readonly [x: number, y: number];
  /** What a run counts: ids, or groups where the kernel has a workgroup. */
  readonly items: number;
  /** Items a thread claims at a time: 32 claims in all, as a backend splits a job. */
  readonly chunk: number;
  readonly columns: Readonly<Record<string, Column>>;
  /** Names of the result columns; all start as zeros. */
  readonly results: readonly string[];
  /** Results of plain JavaScript. */
  readonly expected: Columns;
  /** For forms that compute the same operations in the same order. */
  readonly tolerance: Tolerance;
  /** For forms that add in another order, fuse operations or have other math functions. */
  readonly looseTolerance: Tolerance;
}

const MI = 1 << 20;
const CLAIMS = 32;

/** Bytes of all columns, and room for blocks and workspaces. */
export const ARENA_BYTES = (3 * 64 + 5 * 4 + 2 + 2 + 64 + 17 + 32) * MI;

/** Fills the arena with the inputs of every kernel, the same on every machine, and computes the expected results. */
export function createWorkloads(arena: Arena): Workload[] {
  const random = randomNumbers(1);
  const uniformIn = (length: number, low: number, high: number): Column => {
    const column = arena.f32(length);
    for (let i = 0; i < length; i++) column[i] = low + random() * (high - low);
    return column;
  };
  const numbers = (from: Uint32Array): Column => {
    const column = arena.u32(from.length);
    column.set(from);
    return column;
  };
  const one = (value: number): Column => arena.f32(1).fill(value);

  const graph = orientedRmat(14, 1 << 18, 1);
  const bytes = arena.u32(16 * MI);
  for (let i = 0; i < bytes.length; i++) bytes[i] = random() * 2 ** 32;

  return [
    workload('vadd', vadd, [16 * MI, 1], ['c'], {
      a: uniformIn(16 * MI, -1, 1),
      b: uniformIn(16 * MI, -1, 1),
      c: arena.f32(16 * MI),
    }),
    workload(
      'blackScholes',
      blackScholes,
      [MI, 1],
      ['call', 'put'],
      {
        spot: uniformIn(MI, 5, 100),
        strike: uniformIn(MI, 5, 100),
        years: uniformIn(MI, 0.25, 10),
        rate: one(0.02),
        volatility: one(0.3),
        call: arena.f32(MI),
        put: arena.f32(MI),
      },
      // Prices up to 100 from exponentials and logarithms that differ in the last places.
      { tolerance: { absolute: 2e-4, share: 0 }, looseTolerance: { absolute: 2e-3, share: 0 } },
    ),
    workload(
      'mandelbrot',
      mandelbrot,
      [1024, 512],
      ['steps'],
      { steps: arena.u32(1024 * 512) },
      { looseTolerance: { absolute: 0, share: 1e-2 } },
    ),
    workload('triangles', triangles, [graph.row.length - 1, 1], ['count'], {
      row: numbers(graph.row),
      col: numbers(graph.col),
      count: arena.u32(1),
    }),
    workload('histogram', histogram, [16 * MI, 1], ['bins'], { x: bytes, bins: arena.u32(256) }),
    workload(
      'blockSum',
      blockSum,
      [4 * MI, 1],
      ['sums'],
      { x: uniformIn(4 * MI, -1, 1), sums: arena.f32((4 * MI) / 256) },
      { looseTolerance: { absolute: 1e-4, share: 0 } },
    ),
  ];
}

function workload(
  name: KernelName,
  definition: KernelDefinition,
  size: readonly [x: number, y: number],
  results: readonly string[],
  columns: Readonly<Record<string, Column>>,
  { tolerance = EXACT, looseTolerance = tolerance }: Partial<Pick<Workload, 'tolerance' | 'looseTolerance'>> = {},
): Workload {
  const items = (size[0] * size[1]) / (definition.workgroup?.[0] ?? 1);
  const plain = plainCopy(columns);
  plainLoops[name](plain, 0, items);
  const expected = Object.fromEntries(results.map((result) => [result, plain[result]!]));
  const chunk = Math.ceil(items / CLAIMS);
  return { name, definition, size, items, chunk, columns, results, expected, tolerance, looseTolerance };
}

/** Copies in memory of their own, as JavaScript without workers would have them. */
export function plainCopy(columns: Columns): Columns {
  return Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column.slice()]));
}

export function clearResults({ results }: Pick<Workload, 'results'>, columns: Columns): void {
  for (const name of results) columns[name]!.fill(0);
}

/**
 * Compares results with those of plain JavaScript.
 *
 * @throws Error naming the first element that is too far off, when more of them are than the tolerance allows.
 */
export function checkResults(
  { name, expected }: Pick<Workload, 'name' | 'expected'>,
  actual: Readonly<Record<string, ArrayLike<number>>>,
  { absolute, share }: Tolerance,
): void {
  for (const [column, values] of Object.entries(actual)) {
    const wanted = expected[column]!;
    if (values.length !== wanted.length)
      throw new Error(`${name}: ${column} has ${values.length} elements, not ${wanted.length}`);
    let off = 0;
    let first = 0;
    for (let i = 0; i < values.length; i++) {
      if (Math.abs(values[i]! - wanted[i]!) <= absolute) continue;
      if (off++ === 0) first = i;
    }
    if (off > share * values.length)
      throw new Error(
        `${name}: ${off} elements of ${column} are off, the first ${column}[${first}] = ${values[first]!} instead of ${wanted[first]!}`,
      );
  }
}

/**
 * Checks the index columns of a workload as a submission does, once and outside of all timing of its forms.
 *
 * @throws Error naming the first element that is no index.
 */
export function validateIndexes({ name, definition, columns }: Workload): void {
  for (const [param, declaration] of Object.entries(definition.params)) {
    if (declaration.role !== 'input' || declaration.indexes === undefined) continue;
    const source = columns[param]!;
    const limit = columns[declaration.indexes]!.length + (declaration.inclusive === true ? 1 : 0);
    for (let i = 0; i < source.length; i++) {
      if (source[i]! >= limit) throw new Error(`${name}: ${param}[${i}] is ${source[i]!}, not below ${limit}`);
    }
  }
}
