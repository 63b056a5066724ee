import type { HelperUses, KernelConstants } from '@gpu-bridge/abstractions';
import { describe, expect, it } from 'vitest';
import {
  array,
  columns,
  constant,
  f32,
  gridKernel,
  helper,
  i64,
  mutableColumns,
  ragged,
  input,
  mapKernel,
  output,
  struct,
  u32,
} from '../index.js';
import type { KernelDefinition } from '../index.js';
import { buildIr } from '../compile/kernel-compiler.js';
import { hashIr } from '../ir/print.js';
import type { IrKernel } from '../ir/nodes.js';
import { functionOf, mapFromText } from '../testing/kernel-from-text.js';
import { checkKernel } from './check-kernel.js';

const Pair = struct({ x: u32, y: u32 });
const divmod = helper('divmod', { args: { a: u32, b: u32 }, returns: Pair }, (_k, { a, b }) => ({
  y: a % b,
  x: a / b,
}));
const params = { a: input(u32), out: output(Pair) };

function kernel(text: string, uses: HelperUses = { divmod }): KernelDefinition {
  return mapFromText({ params, uses }, text);
}

/** The helper `h` with several results from the text of its body, and a kernel that calls it. */
function withHelper(text: string): IrKernel {
  const h = helper('h', { args: { a: u32, b: u32 }, returns: Pair, uses: { divmod } }, functionOf(text) as never);
  return buildIr(kernel('(k, { a, out }) => { const r = k.uses.h({ a, b: 3 }); out.x = r.x; out.y = r.y; }', { h }));
}

const idOf = (text: string): string => hashIr(buildIr(kernel(text)));

describe('a helper with several results', () => {
  it('returns its fields in the order of the struct and is called into locals', () => {
    const ir = checkKernel(kernel('(k, { a, out }) => { const r = k.uses.divmod({ a, b: 7 }); out.x = r.x + r.y; }'));
    expect(ir.helpers[0]).toMatchObject({
      results: ['u32', 'u32'],
      body: [{ op: 'return', values: [{ operator: 'div' }, { operator: 'rem' }] }],
    });
    expect(ir.main.body).toMatchObject([
      { op: 'callInto', locals: [0, 1], call: { op: 'call', helper: 0, type: null } },
      { op: 'storeItem', value: { left: { op: 'local', local: 0 }, right: { op: 'local', local: 1 } } },
    ]);
  });

  it('can be destructured, also under other names and into variables', () => {
    const plain = idOf('(k, { a, out }) => { const r = k.uses.divmod({ a, b: 7 }); out.x = r.x; out.y = r.y; }');
    expect(idOf('(k, { a, out }) => { const { x, y } = k.uses.divmod({ a, b: 7 }); out.x = x; out.y = y; }')).toBe(
      plain,
    );
    expect(
      idOf('(k, { a, out }) => { const r = k.uses.divmod({ a, b: 7 }), { y: q, x: p } = r; out.x = p; out.y = q; }'),
    ).toBe(plain);
    const changed = checkKernel(
      kernel('(k, { a, out }) => { let { x } = k.uses.divmod({ a, b: 7 }); x += 1; out.x = x; out.y = 0; }'),
    );
    expect(changed.main.body).toMatchObject([
      { op: 'callInto' },
      { op: 'let', local: 2 },
      { op: 'set', local: 2 },
      {},
      {},
    ]);
  });

  it('may drop its results', () => {
    expect(checkKernel(kernel('(k, { a }) => { k.uses.divmod({ a, b: 7 }); }')).main.body).toMatchObject([
      { op: 'do', value: { op: 'call', type: null } },
    ]);
  });

  it('may pass on the results of another helper', () => {
    const ir = withHelper('(k, { a, b }) => { return k.uses.divmod({ a, b }); }');
    expect(ir.helpers[1]?.body).toMatchObject([
      { op: 'callInto' },
      { op: 'return', values: [{ local: 2 }, { local: 3 }] },
    ]);
    expect(hashIr(withHelper('(k, { a, b }) => { const r = k.uses.divmod({ a, b }); return r; }'))).toBe(hashIr(ir));
    expect(hashIr(withHelper('(k, { a, b }) => k.uses.divmod({ a, b })'))).toBe(hashIr(ir));
  });

  it('is the same with two returns or one of a choice', () => {
    const two = withHelper('(k, { a, b }) => { if (a > b) return { x: a, y: b }; return { x: b, y: a }; }');
    const one = withHelper('(k, { a, b }) => a > b ? { x: a, y: b } : { y: a, x: b }');
    expect(hashIr(one)).toBe(hashIr(two));
  });
});

describe('constants of a helper', () => {
  const scale = (constants: KernelConstants): IrKernel => {
    const times = helper(
      'times',
      { args: { v: u32 }, returns: u32, constants },
      functionOf('(k, { v }) => v * k.constants.FACTOR') as never,
    );
    return buildIr(kernel('(k, { a, out }) => { out.x = k.uses.times({ v: a }); out.y = 0; }', { times }));
  };

  it('are literals of their type', () => {
    expect(scale({ FACTOR: constant(u32, 3) }).helpers[0]?.body).toMatchObject([
      { op: 'return', values: [{ right: { op: 'literal', type: 'u32', value: 3 } }] },
    ]);
    expect(hashIr(scale({ FACTOR: constant(u32, 3) }))).not.toBe(hashIr(scale({ FACTOR: constant(u32, 4) })));
  });
});

describe('helper definitions', () => {
  it('are refused for a result that is no type and for names that are no identifiers', () => {
    const body = (): void => undefined;
    expect(() => helper('h', { args: {}, returns: 'u32' as never }, body as never)).toThrow(
      /INVALID_ARGUMENT.*returns/,
    );
    expect(() => helper('h', { args: {}, constants: { 'a b': constant(f32, 1) } }, body)).toThrow(/INVALID_ARGUMENT/);
    expect(() => helper('a-b', { args: {} }, body)).toThrow(/INVALID_ARGUMENT/);
  });

  it('keep the types of their results', () => {
    mapKernel('test/typed', { params, uses: { divmod } }, (k, { a, out }) => {
      const r = k.uses.divmod({ a, b: 2 });
      out.x = r.x;
    });
  });
});

describe('a bundle of columns as an argument', () => {
  const Line = struct({ amount: i64, account: u32 });
  const Flow = struct({ amount: i64 });
  const total = helper('total', { args: { lines: columns(Flow), from: u32 }, returns: i64 }, (k, { lines, from }) => {
    let sum = k.i64(0);
    for (let i = from; i < lines.length; i++) sum += lines.amount[i]!;
    return sum;
  });
  const move = helper(
    'move',
    { args: { lines: columns(Line), out: mutableColumns(Line) }, uses: { total } },
    (k, { lines, out }) => {
      for (let i = k.u32(0); i < out.length; i++) out.amount[i] = k.uses.total({ lines, from: i });
    },
  );

  it('is one array argument for each column, all with the length of the first', () => {
    const definition = mapKernel(
      'test/bundle',
      { params: { lines: input(ragged(Line)), flows: output(ragged(Line, { max: [1, 0] })) }, uses: { move } },
      (k, { lines, flows }) => {
        k.uses.move({ lines, out: flows });
      },
    );
    const { helpers, main } = checkKernel(definition);
    expect(
      helpers.map((h) => h.args.map((arg) => (arg.kind === 'array' ? `${arg.name}:${arg.writable}` : arg.kind))),
    ).toEqual([
      ['lines_amount:false', 'scalar'],
      ['lines_amount:false', 'lines_account:false', 'out_amount:true', 'out_account:true'],
    ]);
    expect(JSON.stringify(helpers[1])).toContain('"of":{"kind":"arg","arg":2}');
    expect(main.body).toMatchObject([
      {
        value: {
          args: [
            { array: { kind: 'list', slot: 1 } },
            { array: { kind: 'list', slot: 2 } },
            { array: { kind: 'outList', slot: 4 } },
            { array: { kind: 'outList', slot: 5 } },
          ],
        },
      },
    ]);
  });

  it('takes a grid array of structs, also one with more columns', () => {
    const definition = gridKernel(
      'test/grid-bundle',
      { params: { lines: input(Line), sums: output(i64) }, uses: { total } },
      (k, { lines, sums }) => {
        sums[0] = k.uses.total({ lines, from: 0 });
      },
    );
    expect(checkKernel(definition).main.body).toMatchObject([
      { value: { args: [{ array: { kind: 'column', slot: 0 } }, { kind: 'scalar' }] } },
    ]);
  });

  it('has names of its own', () => {
    const args = { lines: columns(Flow), lines_amount: array(i64) };
    expect(() => helper('h', { args }, () => undefined)).toThrow(/INVALID_ARGUMENT.*lines_amount/);
  });
});
