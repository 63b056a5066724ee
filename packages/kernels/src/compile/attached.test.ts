import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { afterAll, describe, expect, it } from 'vitest';
import {
  attachArtifacts,
  attachCompiled,
  constant,
  createKernelCompiler,
  input,
  output,
  specialize,
  u32,
} from '../index.js';
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

describe('a definition with a folder of the command', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-attached-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const other = specialize(original, { C: 8 });

  /** What `gpu-bridge compile` writes, but for shared objects. */
  function write(definitions: readonly KernelDefinition[]): void {
    const index = definitions.map((definition, i) => {
      const { artifacts, ...packed } = packKernel(definition, compiler.compile(definition));
      mkdirSync(join(folder, String(i)), { recursive: true });
      const files = artifacts.map(({ content, ...details }) => {
        writeFileSync(join(folder, String(i), details.target), content, details.target === 'wasm' ? 'base64' : 'utf8');
        return { ...details, file: details.target };
      });
      const manifest = { ...packed, artifacts: files, built: [], tools: {} };
      writeFileSync(join(folder, String(i), 'manifest.json'), JSON.stringify(manifest));
      return { name: definition.name, id: packed.descriptor.id, manifest: `${i}/manifest.json` };
    });
    writeFileSync(join(folder, 'index.json'), JSON.stringify(index));
  }

  it('compiles to what the folder has of its declaration, without its body', () => {
    write([other, original]);
    expect(compiler.compile(attachCompiled(unreadable(), folder))).toEqual(compiled);
    const { body } = unreadable();
    expect(compiler.compile(attachCompiled({ ...other, body }, folder))).toEqual(compiler.compile(other));
  });

  it('compiles its body where a target is asked for that the folder lacks', () => {
    write([original]);
    const asked = { targets: ['wasm', 'opencl'] } as const;
    expect(compiler.compile(attachCompiled({ ...original }, folder), asked)).toEqual(compiler.compile(original, asked));
    expect(() => compiler.compile(attachCompiled(unreadable(), folder), asked)).toThrow(/free-name/);
  });

  it('is refused a folder without a kernel of its name and declaration, or that is none of the command', () => {
    const reasonFor = (definition: KernelDefinition, from = folder): string => {
      try {
        attachCompiled(definition, from);
      } catch (error) {
        if (GpuBridgeError.is(error, 'KERNEL_ARTIFACT_INVALID')) return error.details.reason;
        throw error;
      }
      return 'nothing';
    };
    write([original]);
    expect(reasonFor(other)).toMatch(/was declared otherwise/);
    expect(reasonFor({ ...original, name: 'absent' })).toBe('it has no kernel absent');
    expect(reasonFor(original, join(folder, 'nowhere'))).toMatch(/index\.json cannot be read/);
    for (const [text, reason] of [
      ['{', /not JSON/],
      ['{}', /no index/],
      ['[{"name":1}]', /no index/],
      [JSON.stringify([{ name: original.name, manifest: '../manifest.json' }]), /outside its folder/],
    ] as const) {
      writeFileSync(join(folder, 'index.json'), text);
      expect(reasonFor(original)).toMatch(reason);
    }
  });
});
