import { describe, expect, it } from 'vitest';
import { attachArtifacts, constant, createKernelCompiler, input, output, specialize, u32 } from '../index.js';
import type { KernelDefinition } from '../index.js';
import { functionOf, mapFromText } from '../testing/kernel-from-text.js';
import { packKernel } from './packed-kernel.js';

const compiler = createKernelCompiler();
const options = { params: { x: input(u32), y: output(u32) }, constants: { C: constant(u32, 3) } };
const text = '(k, { x, y }) => { y.value = x + k.constants.C; }';
const original = mapFromText(options, text);
const compiled = compiler.compile(original);
const packed = JSON.stringify([packKernel(original, compiled)]);

/** The same declaration with a body that does not compile: what it gives was not made from it. */
function unreadable(): KernelDefinition {
  return { ...original, body: functionOf('(k, p) => { undeclared(); }') };
}

describe('a definition with artifacts of a build', () => {
  it('compiles to them, without its body', () => {
    expect(compiler.compile(attachArtifacts(unreadable(), packed))).toEqual(compiled);
  });

  it('keeps to its body where the artifacts do not answer what is asked for', () => {
    const refuses = (definition: KernelDefinition, how = {}): void =>
      expect(() => compiler.compile(definition, how)).toThrow(/free-name/);
    refuses(attachArtifacts(unreadable(), packed), { targets: ['wasm', 'cuda'] });
    refuses(attachArtifacts(unreadable(), packed), { simd: 'never' });
    refuses(attachArtifacts(unreadable(), packed.replace(/"irVersion":\d+/, '"irVersion":1')));
    refuses(attachArtifacts(unreadable(), packed.replace('"format":2', '"format":3')));
    const wasm = /"content":"[^"]{8}/.exec(packed)![0];
    refuses(attachArtifacts(unreadable(), packed.replace(wasm, `${wasm.slice(0, -1)}?`)));
    refuses(attachArtifacts({ ...unreadable(), constants: { C: constant(u32, 4) } }, packed));
    refuses(attachArtifacts({ ...unreadable(), bounds: 'off' }, packed));
  });

  it('finds its own among those that the same call made', () => {
    const other = specialize(original, { C: 8 });
    const both = JSON.stringify([original, other].map((d) => packKernel(d, compiler.compile(d))));
    const body = unreadable().body;
    expect(compiler.compile(attachArtifacts({ ...other, body }, both))).toEqual(compiler.compile(other));
    expect(compiler.compile(attachArtifacts(unreadable(), both))).toEqual(compiled);
  });
});
