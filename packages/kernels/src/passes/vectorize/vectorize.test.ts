import { describe, expect, it } from 'vitest';
import type { KernelDefinition } from '@gpu-bridge/abstractions';
import { buildIr } from '../../compile/kernel-compiler.js';
import {
  atomic,
  f32,
  gridKernel,
  helper,
  input,
  inout,
  mapKernel,
  output,
  ragged,
  shared,
  u32,
  uniform,
} from '../../index.js';
import { walkStmts } from '../../ir/walk.js';
import { toCpuForm } from '../cpu-form/to-cpu-form.js';
import { vectorRefusal } from './eligibility.js';
import { printVector } from './print-vector.js';
import { vectorize } from './vectorize.js';

function printed(definition: KernelDefinition): string {
  const form = toCpuForm(buildIr(definition));
  const texts: string[] = [];
  walkStmts(form.kernel.main.body, {
    stmt: (s) => {
      if (s.op === 'items') texts.push(printVector(vectorize(form, s)));
    },
  });
  return `\n${texts.join('---\n')}`;
}

const refusal = (definition: KernelDefinition): string | null => vectorRefusal(toCpuForm(buildIr(definition)).kernel);

describe('the vector form', () => {
  it('reads and writes neighbours where the index is an id plus something uniform', () => {
    const kernel = gridKernel(
      'test/blur',
      { params: { a: input(f32), width: uniform(u32), c: output(f32) } },
      (k, { a, width, c }) => {
        const i = k.global.y * width + k.global.x;
        c[i] = a[i + 1]! + a[i * 2]! + a[width]!;
      },
    );
    expect(printed(kernel)).toMatchInlineSnapshot(`
      "
      i0 = add(mul(global.y, uniform1), global0)
      loaded1' = unit column0[add(i0, 1)]?
      loaded2' = lanes column0[mul(lanes(i0), splat(2))]?
      loaded3 = uniform column0[uniform1]?
      unit column2[i0]? = add(add(loaded1', loaded2'), splat(loaded3))
      "
    `);
  });

  it('keeps in a loop only what lanes that have left still need, and counts together what all lanes count', () => {
    const kernel = gridKernel('test/mandelbrot', { params: { x: input(f32), out: output(u32) } }, (k, { x, out }) => {
      const i = k.global.x;
      const c = x[i]!;
      let z = k.f32(0);
      let n = k.u32(0);
      for (let r = k.u32(0); r < 256; r++) {
        if (z > 4) break;
        z = z * z + c;
        n++;
      }
      out[i] = n;
    });
    expect(printed(kernel)).toMatchInlineSnapshot(`
      "
      i0 = global0
      loaded1' = unit column0[i0]?
      c2' = loaded1'
      z3' = splat(0)
      n4' = splat(0)
      r5 = 0
      live6' = splat(true)
      block 1
        loop
          leave 1 if not(lt(r5, 256))
          live6' = and(live6', not(gt(z3', splat(4))))
          leave 1 if not(any(live6'))
          z3' = add(mul(z3', z3'), c2')
          n4' = add(n4', keep(live6', splat(1)))
          r5 = add(r5, 1)
      unit column1[i0]? = n4'
      "
    `);
  });

  it('parts lanes that continue, break and return, and joins them again', () => {
    const kernel = gridKernel('test/jumps', { params: { x: input(u32), out: inout(u32) } }, (k, { x, out }) => {
      const i = k.global.x;
      let sum = k.u32(0);
      for (let j = k.u32(0); j < 9; j++) {
        const v = x[j]! ^ i;
        if (v === 3) continue;
        if (v === 4) return;
        if (v === 5) break;
        sum += v;
      }
      out[i] = sum;
    });
    expect(printed(kernel)).toMatchInlineSnapshot(`
      "
      running0' = splat(true)
      i1 = global0
      sum2' = splat(0)
      j3 = 0
      live4' = splat(true)
      block 1
        loop
          leave 1 if not(lt(j3, 9))
          loaded5 = uniform column0[j3]? if live4'
          v6' = xor(splat(loaded5), lanes(i1))
          mask7' = and(live4', ne(v6', splat(3)))
          if any(mask7')
            mask8' = and(mask7', eq(v6', splat(4)))
            running0' = andNot(running0', mask8')
            live4' = andNot(live4', mask8')
            mask9' = and(mask7', live4')
            if any(mask9')
              mask10' = and(mask9', eq(v6', splat(5)))
              live4' = andNot(live4', mask10')
              mask11' = and(mask9', live4')
              if any(mask11')
                sum2' = add(sum2', keep(mask11', v6'))
          leave 1 if not(any(live4'))
          j3 = add(j3, 1)
          leave 1 if not(any(live4'))
      if any(running0')
        unit column1[i1]? = sum2' if running0'
      "
    `);
  });

  it('puts helpers in place, with their returns apart', () => {
    const early = helper('early', { args: { x: f32, y: f32 }, returns: f32 }, (k, { x, y }) => {
      if (x > 80) return y;
      let s = k.f32(0);
      for (let j = k.u32(0); j < 4; j++) s = s * x + y;
      return s;
    });
    const kernel = gridKernel(
      'test/helped',
      { params: { a: input(f32), c: output(f32) }, uses: { early } },
      (k, { a, c }) => {
        const i = k.global.x;
        if (i < a.length) c[i] = k.uses.early({ x: a[i]!, y: a[0]! });
      },
    );
    expect(printed(kernel)).toMatchInlineSnapshot(`
      "
      i0 = global0
      mask1' = lt(lanes(i0), splat(length0))
      if any(mask1')
        loaded2' = unit column0[i0] if mask1'
        loaded3 = uniform column0[0]? if mask1'
        block 1
          running4' = mask1'
          x5' = loaded2'
          y6 = loaded3
          mask7' = and(mask1', gt(x5', splat(80)))
          result8' = splat(y6)
          running4' = andNot(running4', mask7')
          if any(running4')
            s9' = splat(0)
            j10 = 0
            block 2
              loop
                leave 2 if not(lt(j10, 4))
                s9' = add(mul(s9', x5'), splat(y6))
                j10 = add(j10, 1)
            result8' = select(running4', s9', result8')
            leave 1
        unit column1[i0]? = result8' if mask1'
      "
    `);
  });

  it('evaluates the right side of && and the chosen side of ?: only in lanes that want it', () => {
    const kernel = gridKernel('test/lazy', { params: { x: input(u32), out: output(u32) } }, (k, { x, out }) => {
      const i = k.global.x;
      out[i] = i > 3 && x[i - 3]! > 1 ? x[x[i]!]! : i;
    });
    expect(printed(kernel)).toMatchInlineSnapshot(`
      "
      i0 = global0
      kept1' = gt(lanes(i0), splat(3))
      mask2' = kept1'
      kept4' = kept1'
      loaded3' = unit column0[sub(i0, 3)]? if mask2'
      kept4' = and(kept1', gt(loaded3', splat(1)))
      kept5' = kept4'
      mask7' = kept5'
      if any(mask7')
        loaded8' = unit column0[i0]? if mask7'
        loaded9' = lanes column0[loaded8']? if mask7'
        kept6' = loaded9'
      mask10' = not(kept5')
      kept6' = select(kept5', kept6', lanes(i0))
      unit column1[i0]? = kept6'
      "
    `);
  });

  it('works between barriers on what the group and its ids have kept', () => {
    const kernel = gridKernel(
      'test/reduce',
      {
        params: { x: input(f32), out: output(f32) },
        workgroup: 64,
        shared: { tile: shared(f32, 64) },
        grid: 'full-groups',
      },
      (k, { x, out, tile }) => {
        const l = k.local.x;
        tile[l] = k.inRange ? x[k.global.x]! : 0;
        k.barrier();
        for (let s = k.u32(32); s > 0; s >>= 1) {
          if (l < s) tile[l] += tile[l + s]!;
          k.barrier();
        }
        if (l === 0) out[k.group.x] = tile[0]!;
      },
    );
    expect(printed(kernel)).toMatchInlineSnapshot(`
      "
      l0 = local0
      kept1' = lt(lanes(global0), splat(globalSize.x))
      mask3' = kept1'
      loaded4' = unit column0[global0]? if mask3'
      kept2' = loaded4'
      mask5' = not(kept1')
      kept2' = select(kept1', kept2', splat(0))
      unit shared0[l0] = kept2'
      ---
      l0 = local0
      loaded1' = unit shared0[add(l0, group1)]
      unit shared0[l0] add= loaded1'
      ---
      l0 = local0
      loaded1 = uniform shared0[0]
      uniform column1[group.x]? = loaded1
      "
    `);
  });
});

describe('a kernel without a vector form', () => {
  it('works on lists', () => {
    const kernel = mapKernel(
      'test/list',
      { params: { xs: input(ragged(u32)), out: output(u32) } },
      (k, { xs, out }) => {
        out.value = xs.length;
      },
    );
    expect(refusal(kernel)).toMatch('lists');
  });

  it('waits for other ids', () => {
    const kernel = gridKernel('test/spin', { params: { lock: atomic(u32) } }, (k, { lock }) => {
      while (k.atomicCompareExchange(lock, 0, 0, 1) !== 0);
      k.atomicStore(lock, 0, 0);
    });
    expect(refusal(kernel)).toMatch('in a loop');
  });

  it('adds floats in the order of its ids', () => {
    const kernel = gridKernel('test/sum', { params: { x: input(f32), sum: atomic(f32) } }, (k, { x, sum }) => {
      k.atomicAdd(sum, 0, x[k.global.x]!);
    });
    expect(refusal(kernel)).toMatch('f32');
  });

  it('would grow beyond bounds with its helpers in place', () => {
    let twice = helper('h0', { args: { x: u32 }, returns: u32 }, (k, { x }) => x * x + 1);
    for (let i = 1; i < 40; i++) {
      twice = helper(`h${i}`, { args: { x: u32 }, returns: u32, uses: { twice } }, (k, { x }) => {
        const once = k.uses.twice({ x });
        return k.uses.twice({ x: once + 1 });
      });
    }
    const kernel = gridKernel('test/tower', { params: { c: output(u32) }, uses: { twice } }, (k, { c }) => {
      c[k.global.x] = k.uses.twice({ x: k.global.x });
    });
    expect(refusal(kernel)).toMatch('too large');
  });

  it('is not one that only adds to atomics, in loops or not', () => {
    const kernel = gridKernel('test/bins', { params: { x: input(u32), bins: atomic(u32) } }, (k, { x, bins }) => {
      for (let i = k.global.x; i < x.length; i += 64) k.atomicAdd(bins, x[i]!, 1);
    });
    expect(refusal(kernel)).toBeNull();
  });
});
