import { describe, expectTypeOf, it } from 'vitest';
import { atomic, f32, gridKernel, i64, inout, mapKernel, input, shared, sharedAtomic, u32, uniform } from '../index.js';
import type { AtomicArray, DeviceArray } from '@gpu-bridge/abstractions';

describe('a grid kernel with a workgroup, in the editor', () => {
  it('shows shared arrays beside the parameters', () => {
    gridKernel(
      'types/shared',
      {
        params: { a: inout(f32), scale: uniform(f32) },
        workgroup: [16, 16],
        grid: 'full-groups',
        shared: { tile: shared(f32, 256), bins: sharedAtomic(u32, 64), wide: shared(i64, 4) },
      },
      (k, { a, scale, tile, bins, wide }) => {
        expectTypeOf(tile).toEqualTypeOf<DeviceArray<f32>>();
        expectTypeOf(bins).toEqualTypeOf<AtomicArray<'u32'>>();
        expectTypeOf(wide).toEqualTypeOf<DeviceArray<i64>>();
        expectTypeOf(k.local.x).toEqualTypeOf<u32>();
        expectTypeOf(k.inRange).toEqualTypeOf<boolean>();
        expectTypeOf(k.barrier()).toEqualTypeOf<void>();
        a[k.global.x] = tile.get(0) * scale;
      },
    );
  });

  it('has no shared arrays where none are declared', () => {
    gridKernel('types/none', { params: { a: inout(f32) } }, (_k, p) => {
      expectTypeOf<keyof typeof p>().toEqualTypeOf<'a'>();
      // @ts-expect-error -- not declared
      void p.tile;
    });
  });

  it('refuses shared arrays and workgroups of map kernels', () => {
    // @ts-expect-error -- map kernels have no workgroup
    mapKernel('types/map', { params: { a: input(f32) }, workgroup: 64 }, () => undefined);
  });
});

describe('atomics, in the editor', () => {
  it('have the type of the array', () => {
    gridKernel(
      'types/atomics',
      { params: { n: atomic(u32), w: atomic(i64), x: atomic(f32), plain: inout(u32) } },
      (k, { n, w, x, plain }) => {
        expectTypeOf(k.atomicAdd(n, 0, 1)).toEqualTypeOf<u32>();
        expectTypeOf(k.atomicMin(w, 0, 1n)).toEqualTypeOf<i64>();
        expectTypeOf(k.atomicExchange(x, 0, 1.5)).toEqualTypeOf<f32>();
        expectTypeOf(k.atomicCompareExchange(w, 0, 1n, 2n)).toEqualTypeOf<i64>();
        expectTypeOf(k.atomicStore(n, 0, 1)).toEqualTypeOf<void>();
        // @ts-expect-error -- f32 has no min
        k.atomicMin(x, 0, 1);
        // @ts-expect-error -- f32 has no compare and exchange
        k.atomicCompareExchange(x, 0, 1, 2);
        // @ts-expect-error -- i64 wants bigints
        k.atomicAdd(w, 0, 1);
        // @ts-expect-error -- a plain array
        k.atomicAdd(plain, 0, 1);
        // @ts-expect-error -- reached through atomics only
        n[0] = 1;
      },
    );
  });
});

describe('math, in the editor', () => {
  it('takes and gives numbers', () => {
    gridKernel('types/math', { params: { x: inout(f32), n: inout(i64) } }, (k, { x, n }) => {
      expectTypeOf(k.pow(x.get(0), 2)).toEqualTypeOf<number>();
      expectTypeOf(k.fma(x.get(0), 2, 3)).toEqualTypeOf<number>();
      // @ts-expect-error -- no math of bigints
      k.exp(n.get(0));
      // @ts-expect-error -- three operands
      k.fma(1, 2);
    });
  });
});
