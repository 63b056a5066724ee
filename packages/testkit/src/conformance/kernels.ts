/**
 * The kernels of the backend suite, as plain definitions: their bodies are parsed by whatever compiler the suite is
 * given. Arithmetic is kept to what every form of execution rounds alike, so that results are compared bit for bit.
 */
import {
  atomic,
  bool,
  f32,
  f64,
  i32,
  i64,
  inout,
  input,
  output,
  ragged,
  scratch,
  struct,
  u32,
  u64,
  uniform,
} from '@gpu-bridge/abstractions';
import type { GridBody, KernelDefinition, KernelParams, MapBody } from '@gpu-bridge/abstractions';

type Nothing = Record<never, never>;

function define<P extends KernelParams>(
  kind: 'map' | 'grid',
  name: string,
  params: P,
  body: KernelDefinition['body'],
): KernelDefinition<P> {
  return { kind, name: `conformance/${name}`, params, constants: {}, uses: {}, fp: 'strict', bounds: 'checked', body };
}
function map<const P extends KernelParams>(
  name: string,
  params: P,
  body: MapBody<P, Nothing, Nothing>,
): KernelDefinition<P> {
  return define('map', name, params, body);
}
function grid<const P extends KernelParams>(
  name: string,
  params: P,
  body: GridBody<P, Nothing, Nothing>,
): KernelDefinition<P> {
  return define('grid', name, params, body);
}

export const scalars32 = map(
  'scalars32',
  {
    a: input(f32),
    b: input(i32),
    c: input(u32),
    d: input(bool),
    w: output(f32),
    x: output(i32),
    y: output(u32),
    z: output(bool),
  },
  (k, p) => {
    p.w.value = p.a * k.f32(1.25);
    p.x.value = p.b + k.i32(2147483647);
    p.y.value = p.c * k.u32(5);
    p.z.value = !p.d;
  },
);

export const scalars64 = map(
  'scalars64',
  { a: input(f64), b: input(i64), c: input(u64), x: output(f64), y: output(i64), z: output(u64) },
  (k, p) => {
    p.x.value = p.a * k.f64(1.1);
    p.y.value = p.b * k.i64(-3n);
    p.z.value = p.c + k.u64(18446744073709551615n);
  },
);

export const uniforms32 = map(
  'uniforms32',
  {
    scale: uniform(f32),
    shift: uniform(i32),
    mask: uniform(u32),
    flip: uniform(bool),
    a: input(f32),
    b: input(i32),
    c: input(u32),
    out: output(struct({ scaled: f32, shifted: i32, masked: u32, flipped: bool })),
  },
  (_k, p) => {
    p.out.scaled = p.a * p.scale;
    p.out.shifted = p.b + p.shift;
    p.out.masked = p.c & p.mask;
    p.out.flipped = p.flip;
  },
);

export const uniforms64 = map(
  'uniforms64',
  {
    scale: uniform(f64),
    shift: uniform(i64),
    mask: uniform(u64),
    pair: input(struct({ a: f64, b: i64, c: u64 })),
    out: output(struct({ scaled: f64, shifted: i64, masked: u64 })),
  },
  (_k, p) => {
    p.out.scaled = p.pair.a * p.scale;
    p.out.shifted = p.pair.b + p.shift;
    p.out.masked = p.pair.c & p.mask;
  },
);

/** Reverses each list through scratch and appends its length: at most `1 * length + 1` elements an item. */
export const reverseLists = map(
  'reverse-lists',
  {
    lines: input(ragged(struct({ account: u32, delta: i32 }))),
    reversed: output(ragged(struct({ account: u32, delta: i32 }), { max: [1, 1] })),
    work: scratch(u32, { max: [1, 0] }),
  },
  (k, p) => {
    for (let i = k.u32(0); i < p.lines.length; i++) {
      p.work[i] = p.lines.account.get(i);
    }
    for (let i = k.u32(0); i < p.lines.length; i++) {
      const from = p.lines.length - k.u32(1) - i;
      p.reversed.push({ account: p.work.get(from), delta: p.lines.delta.get(from) });
    }
    p.reversed.push({ account: p.lines.length, delta: k.i32(-1) });
  },
);

/** The workhorse of the ring cases: depends on the item's index and on its input. */
export const stamp = map('stamp', { a: input(u32), out: output(u32) }, (k, p) => {
  p.out.value = p.a + k.item * k.u32(7);
});

/** Writes the id and the size of the grid it sees into every cell. */
export const gridIds = grid(
  'grid-ids',
  { x: output(u32), y: output(u32), z: output(u32), size: output(u32) },
  (k, p) => {
    const cell = k.global.x + k.globalSize.x * (k.global.y + k.globalSize.y * k.global.z);
    p.x[cell] = k.global.x;
    p.y[cell] = k.global.y;
    p.z[cell] = k.global.z;
    p.size[cell] = k.globalSize.x * k.u32(10000) + k.globalSize.y * k.u32(100) + k.globalSize.z;
  },
);

/** Two columns of one array, whose length is that of the first. */
export const gridPairs = grid('grid-pairs', { pairs: output(struct({ first: u32, second: u32 })) }, (k, p) => {
  p.pairs.first[k.global.x] = k.global.x;
  p.pairs.second[k.global.x] = k.global.x * k.u32(10);
});

export const histogram32 = grid(
  'histogram32',
  { key: input(u32), weight: input(i32), bins: atomic(u32), sums: atomic(i32), most: atomic(u32) },
  (k, p) => {
    const i = k.global.x;
    const bin = p.key.get(i) & k.u32(15);
    k.atomicAdd(p.bins, bin, k.u32(1));
    k.atomicAdd(p.sums, bin, p.weight.get(i));
    k.atomicMax(p.most, bin, p.key.get(i));
  },
);

export const histogram64 = grid('histogram64', { key: input(u32), weight: input(i64), sums: atomic(i64) }, (k, p) => {
  k.atomicAdd(p.sums, p.key.get(k.global.x) & k.u32(15), p.weight.get(k.global.x));
});

export const growCells = grid('grow-cells', { cells: inout(i32), by: uniform(i32) }, (k, p) => {
  p.cells[k.global.x] = p.cells.get(k.global.x) + p.by;
});

/** One read and one write outside its arrays an id: two violations, nothing harmed, and 0 read. */
export const strayGrid = grid('stray-grid', { a: input(u32), out: output(u32) }, (k, p) => {
  const i = k.global.x;
  p.out[i] = p.a.get(i + p.a.length) + k.u32(1);
  p.out[i + p.out.length] = k.u32(99);
});

/** One push more than there is room for: one violation an item. */
export const strayPush = map(
  'stray-push',
  { lines: input(ragged(u32)), out: output(ragged(u32, { max: [1, 0] })) },
  (k, p) => {
    for (let i = k.u32(0); i < p.lines.length; i++) {
      p.out.push(p.lines.get(i));
    }
    p.out.push(k.u32(77));
  },
);
