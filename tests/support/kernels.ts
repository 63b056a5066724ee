import {
  atomic,
  f32,
  gridKernel,
  input,
  mapKernel,
  output,
  ragged,
  shared,
  sharedAtomic,
  struct,
  u32,
  uniform,
} from '@gpu-bridge/kernels';

/** z = a·x + y. */
export const axpy = mapKernel(
  'axpy',
  { params: { a: uniform(f32), x: input(f32), y: input(f32), z: output(f32) } },
  (k, { a, x, y, z }) => {
    z.value = a * x + y;
  },
);

/** Works `rounds` times on each item and returns its input plus one; 0xffffffff never ends. */
export const spin = mapKernel(
  'spin',
  { params: { rounds: input(u32), x: input(u32), y: output(u32) } },
  (k, { rounds, x, y }) => {
    let h = x;
    for (let i = k.u32(0); i < rounds || rounds === 0xffffffff; i++) h = h * 1664525 + 1013904223;
    y.value = k.select(h === 0xffffffff && rounds === 1, k.u32(0), x + 1);
  },
);

/** Never ends where `x` is not 0, and does nothing meanwhile that a compiler would have to keep. */
export const stuck = mapKernel('stuck', { params: { x: input(u32), y: output(u32) } }, (k, { x, y }) => {
  let n = x;
  while (n !== 0) n |= 1;
  y.value = n;
});

/** Reads `at` of its list, wherever that is. */
export const pick = mapKernel(
  'pick',
  { params: { list: input(ragged(struct({ v: u32 }))), at: input(u32), out: output(u32) } },
  (k, { list, at, out }) => {
    out.value = list.v[at]!;
  },
);

/** Each item's list, reversed and doubled: every element twice. */
export const unfold = mapKernel(
  'unfold',
  { params: { list: input(ragged(u32)), out: output(ragged(u32, { max: [2, 0] })) } },
  (k, { list, out }) => {
    for (let i = list.length; i > 0; i--) {
      out.push(list[i - 1]!);
      out.push(list[i - 1]!);
    }
  },
);

/** Counts values modulo the number of bins. */
export const histogram = gridKernel('histogram', { params: { x: input(u32), bins: atomic(u32) } }, (k, { x, bins }) => {
  k.atomicAdd(bins, x[k.global.x]! % bins.length, 1);
});

/** Sum of each group of 64 values, as a tree in shared memory. */
export const groupSum = gridKernel(
  'group-sum',
  {
    params: { x: input(u32), out: output(u32) },
    workgroup: 64,
    shared: { tile: shared(u32, 64) },
    grid: 'full-groups',
  },
  (k, { x, out, tile }) => {
    const l = k.local.x;
    tile[l] = k.inRange ? x[k.global.x]! : 0;
    k.barrier();
    for (let s = k.u32(32); s > 0; s >>= 1) {
      if (l < s) tile[l] = tile[l] + tile[l + s]!;
      k.barrier();
    }
    if (l === 0) out[k.group.x] = tile[0]!;
  },
);

/** Transposes a matrix of `k.globalSize` by tiles of 8 x 8 and counts values modulo 16, first within each tile. */
export const transpose = gridKernel(
  'transpose',
  {
    params: { x: input(u32), out: output(u32), bins: atomic(u32) },
    workgroup: [8, 8],
    shared: { tile: shared(u32, 64), counts: sharedAtomic(u32, 16) },
    grid: 'full-groups',
  },
  (k, { x, out, bins, tile, counts }) => {
    const width = k.globalSize.x;
    const height = k.globalSize.y;
    const l = k.local.y * 8 + k.local.x;
    if (k.inRange) {
      const value = x[k.global.y * width + k.global.x]!;
      tile[l] = value;
      k.atomicAdd(counts, value % 16, 1);
    }
    k.barrier();
    const column = k.group.x * 8 + k.local.y;
    const row = k.group.y * 8 + k.local.x;
    if (column < width && row < height) out[column * height + row] = tile[k.local.x * 8 + k.local.y]!;
    if (l < 16) k.atomicAdd(bins, l, k.atomicLoad(counts, l));
  },
);
