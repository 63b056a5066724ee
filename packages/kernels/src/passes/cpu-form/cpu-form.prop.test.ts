import { GpuBridgeError } from '@gpu-bridge/abstractions';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildIr } from '../../compile/kernel-compiler.js';
import { createKernelCompiler, inout, input, shared, u32, uniform } from '../../index.js';
import type { KernelDefinition } from '../../index.js';
import { runKernel } from '../../testing/argument-block.js';
import { gridFromText } from '../../testing/kernel-from-text.js';
import { runInLockstep } from '../../testing/lockstep.js';

const WIDTH = 8;

/**
 * Grows bodies around barriers: uniform and varying branches, loops and jumps, values that live across them. Ids meet only
 * through `tile`, written, waited for and read in one go, so that there are no races. Loops count on their own, so that
 * every program ends.
 */
class Grower {
  private names = 0;
  private readonly uniforms: string[] = [];
  private readonly varying: string[] = [];
  /** Of the uniform loops around; read, never assigned. */
  private readonly counters: string[] = [];
  private readonly scopes: [number, number][] = [];
  /** Whether ids may have parted for the rest of the body, and of the loop round. */
  private parted = false;
  private partedRound = false;
  private loops = 0;

  constructor(private readonly below: (limit: number) => number) {}

  body(): string {
    return `const l = k.local.x; const i = k.global.x; ${this.block(5, true)} a[i] += 1;`;
  }

  private pick<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T;
  }

  private block(count: number, together: boolean): string {
    this.scopes.push([this.uniforms.length, this.varying.length]);
    let text = '';
    for (let n = 0; n < count; n++) text += `${this.stmt(together)} `;
    const [uniforms, varying] = this.scopes.pop() ?? [0, 0];
    this.uniforms.length = uniforms;
    this.varying.length = varying;
    return text;
  }

  private uniformExpr(depth = 2): string {
    const leaf = (): string =>
      this.pick(['n', 'k.group.x', `${this.below(5)}`, 'x[k.group.x]', 'x[n & 3]', ...this.uniforms, ...this.uniforms]);
    if (depth === 0 || this.below(3) === 0) return this.typed(leaf());
    return `(${this.uniformExpr(depth - 1)} ${this.pick(['+', '-', '*', '^', '%', '&'])} ${this.uniformExpr(depth - 1)})`;
  }

  private expr(depth = 2): string {
    if (depth === 0 || this.below(4) === 0)
      return this.typed(
        this.pick(['l', 'i', 'a[i]', 'x[l & 3]', 'n', ...this.varying, ...this.varying, ...this.uniforms]),
      );
    if (this.below(8) === 0 && this.varying.length > 0)
      return `(${this.pick(this.varying)} = ${this.expr(0)}, ${this.expr(0)})`;
    return `(${this.expr(depth - 1)} ${this.pick(['+', '-', '*', '^', '&'])} ${this.expr(depth - 1)})`;
  }

  private typed(text: string): string {
    return /^\d+$/.test(text) ? `k.u32(${text})` : text;
  }

  private condition(uniform: boolean): string {
    const side = (): string => (uniform ? this.uniformExpr(1) : this.expr(1));
    const test = `(${side()} & 7) ${this.pick(['<', '>', '===', '!=='])} ${this.below(8)}`;
    return this.below(4) === 0 ? `${test} ${this.pick(['&&', '||'])} (${side()} & 3) > 1` : test;
  }

  private stmt(together: boolean): string {
    const uniform = together && !this.parted && !this.partedRound;
    const choice = this.below(13);
    if (choice < 2 && uniform) {
      const name = `v${this.names++}`;
      const text = `tile[l] = ${this.expr(1)}; k.barrier(); let ${name} = tile[(l + ${this.below(8)}) & 7]; k.barrier();`;
      this.varying.push(name);
      return text;
    }
    if (choice < 3 && uniform && this.uniforms.length > 0)
      return `${this.pick(this.uniforms)} = ${this.uniformExpr()};`;
    if (choice < 4 && uniform) {
      const name = `u${this.names++}`;
      const text = `let ${name} = ${this.uniformExpr()};`;
      this.uniforms.push(name);
      return text;
    }
    if (choice < 5 && this.varying.length > 0) return `${this.pick(this.varying)} = ${this.expr()};`;
    if (choice < 6) {
      const name = `v${this.names++}`;
      const text = `let ${name} = ${this.expr()};`;
      this.varying.push(name);
      return text;
    }
    if (choice < 9 && this.scopes.length < 4) {
      const same = uniform && this.below(3) > 0;
      const otherwise = this.below(2) === 0 ? '' : ` else { ${this.block(2, same)} }`;
      return `if (${this.condition(same)}) { ${this.block(3, same)} }${otherwise}`;
    }
    if (choice < 11 && this.scopes.length < 4) return this.loop(uniform);
    if (choice === 11 && this.loops > 0) return this.jump(uniform);
    if (choice === 12 && this.loops === 0 && this.below(3) === 0) {
      const same = uniform && this.below(2) === 0;
      this.parted ||= !same;
      return `if (${this.condition(same)}) { if (n > 90) a[i] ^= 1; ${this.below(2) === 0 ? '' : 'a[i] += 3;'} return; }`;
    }
    return `a[i] += ${this.expr()};`;
  }

  private loop(uniform: boolean): string {
    const same = uniform && this.below(4) > 0;
    const counter = `c${this.names++}`;
    const also = this.varying.length > 0 && this.below(3) === 0 ? `${this.pick(this.varying)} += l, ` : '';
    const limit = same ? `${this.pick(['3', 'n % 4', 'x[n & 3] % 4', '2'])}` : `(${this.expr(1)} & 3)`;
    // A limit that the body could change is taken once.
    const end = `e${this.names++}`;
    const before = this.partedRound;
    this.loops++;
    if (same) this.counters.push(counter);
    const body = this.block(3, same);
    if (same) this.counters.pop();
    this.loops--;
    this.partedRound = before;
    const head = `const ${end} = ${this.typed(limit)}; `;
    if (this.below(4) === 0)
      return `${head}let ${counter} = k.u32(0); do { ${body.replaceAll('continue', 'break')} ${counter}++; } while (${counter} < ${end});`;
    return `${head}for (let ${counter} = k.u32(0); ${counter} < ${end}; ${also}${counter}++) { ${body} }`;
  }

  private jump(uniform: boolean): string {
    const same = uniform && this.below(2) === 0;
    this.partedRound ||= !same;
    const rest = this.below(2) === 0 ? '' : 'a[i] += 5; ';
    return `if (${this.condition(same)}) { ${rest}${this.pick(['break', 'continue'])}; }`;
  }
}

function grow(seed: number): string {
  let state = seed;
  return new Grower((limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  }).body();
}

describe('random bodies with barriers', () => {
  it('give what ids in lockstep give, count and all', () => {
    const seen = { refused: 0, ran: 0, barriers: 0 };
    const compiler = createKernelCompiler();
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), fc.integer({ min: 0, max: 9 }), (seed, n) => {
        const text = grow(seed);
        const definition: KernelDefinition = gridFromText(
          {
            params: { x: input(u32), a: inout(u32), n: uniform(u32) },
            workgroup: WIDTH,
            grid: 'full-groups',
            shared: { tile: shared(u32, WIDTH) },
          },
          `(k, { x, a, n, tile }) => { ${text} }`,
        );
        let compiled;
        try {
          compiled = compiler.compile(definition);
        } catch (e) {
          // The grower does not know all that parts ids: the compiler does.
          if (GpuBridgeError.is(e, 'KERNEL_BUILD_FAILED') && e.message.includes('barrier')) {
            seen.refused++;
            return;
          }
          throw new Error(`seed ${seed}: ${String(e)}\n${text}`, { cause: e });
        }
        seen.ran++;
        if (text.includes('barrier')) seen.barriers++;
        const x = [3, 1, 4, 2];
        const a = Array.from({ length: 2 * WIDTH - 3 }, (_, i) => i * 3);
        const arrays = { x: Uint32Array.from(x), a: Uint32Array.from(a) };
        const slots = compiled.descriptor.layout.slots.map((slot) => slot.param);
        const violations = runInLockstep(buildIr(definition), slots, { size: a.length, arrays, uniforms: { n } });
        const expected = { outputs: { a: [...arrays.a] }, violations, canariesIntact: true };
        for (const target of ['js', 'wasm'] as const) {
          const outcome = runKernel(compiled, target, { size: a.length, values: { x, a, n } });
          expect(outcome, `seed ${seed}, n ${n}, ${target}\n${text}`).toEqual(expected);
        }
      }),
      { numRuns: 80 },
    );
    expect(seen.barriers).toBeGreaterThan(25);
  }, 60_000);
});
