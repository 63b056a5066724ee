import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { constant, createKernelCompiler, helper, input, mapKernel, output, u32 } from '../index.js';
import type { KernelDefinition } from '../index.js';
import { runKernel } from '../testing/argument-block.js';
import { functionOf, mapFromText } from '../testing/kernel-from-text.js';
import { sha256 } from './packed-kernel.js';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-cache-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const params = { x: input(u32), y: output(u32) };
const plusOne = mapFromText({ params }, '(k, { x, y }) => { y.value = x + 1; }');
const compile = (definition: KernelDefinition, options = {}) =>
  createKernelCompiler({ cacheFolder: folder }).compile(definition, options);
const entries = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.json'));

/** Replaces what an entry holds, with a checksum that fits. */
function rewrite(file: string, body: string): void {
  const [head] = readFileSync(file, 'utf8').split('\n');
  const [word, key] = head!.split(' ');
  writeFileSync(file, `${word} ${key} ${sha256(body)}\n${body}`);
}

describe('a compiler with a cache folder', () => {
  it('gives the same kernel from the folder as from its source', () => {
    const first = compile(plusOne);
    expect(entries()).toHaveLength(1);
    const second = compile(plusOne);
    expect(second).toEqual(first);
    expect(entries()).toHaveLength(1);
    expect(runKernel(second, 'wasm', { size: 2, values: { x: [1, 5] } }).outputs).toEqual({ y: [2, 6] });
  });

  it('takes what the folder has instead of parsing', () => {
    compile(plusOne);
    const [name] = entries();
    const file = join(folder, name!);
    // A well-formed entry that no compiler would write, under the key of the kernel.
    const body = readFileSync(file, 'utf8').split('\n')[1]!.replace('"readsItemIndex":false', '"readsItemIndex":true');
    rewrite(file, body);
    expect(compile(plusOne).descriptor.readsItemIndex).toBe(true);
  });

  it('compiles again when anything changes that the kernel follows from', () => {
    const times = helper('times', { args: { x: u32 }, returns: u32 }, (k, { x }) => x * 2);
    const thrice = helper('times', { args: { x: u32 }, returns: u32 }, (k, { x }) => x * 3);
    const text = '(k, { x, y }) => { y.value = k.uses.times({ x }) + k.constants.C; }';
    const kernel = (c: number, uses: { times: typeof times }) =>
      mapFromText({ params, constants: { C: constant(u32, c) }, uses }, text);
    const base = mapFromText({ params }, '(k, { x, y }) => { y.value = x + 1; }');
    const all = [
      base,
      mapFromText({ params }, '(k, { x, y }) => { y.value = x + 2; }'),
      mapFromText({ params, bounds: 'off' }, '(k, { x, y }) => { y.value = x + 1; }'),
      mapFromText({ params }, '(k, { x, y }) => { y.value = x + 1; }', 'test/other'),
      kernel(1, { times }),
      kernel(2, { times }),
      kernel(1, { times: thrice }),
    ];
    const ids = all.map((definition) => compile(definition).descriptor.id);
    expect(entries()).toHaveLength(all.length);
    expect(all.map((definition) => compile(definition).descriptor.id)).toEqual(ids);
    compile(base, { simd: 'never' });
    expect(entries()).toHaveLength(all.length + 1);
  });

  it.each([
    ['cut short', (text: string) => text.slice(0, text.length / 2)],
    ['empty', () => ''],
    ['of another kernel', (text: string) => text.replace(/[0-9a-f]{64}/, '0'.repeat(64))],
    ['changed in one letter', (text: string) => text.replace('test/text', 'test/texu')],
    ['no text at all', () => '\u0000\u0001\ufffd'],
  ])('ignores an entry that is %s, and writes it again', (_, spoil) => {
    const first = compile(plusOne);
    const file = join(folder, entries()[0]!);
    const whole = readFileSync(file, 'utf8');
    writeFileSync(file, spoil(whole));
    expect(compile(plusOne)).toEqual(first);
    expect(readFileSync(file, 'utf8')).toBe(whole);
  });

  it('ignores an entry of another version of the intermediate form', () => {
    const first = compile(plusOne);
    const file = join(folder, entries()[0]!);
    rewrite(
      file,
      readFileSync(file, 'utf8')
        .split('\n')[1]!
        .replace(/"irVersion":\d+/, '"irVersion":1'),
    );
    expect(compile(plusOne)).toEqual(first);
  });

  it('removes what was not used for longest when the folder grows too large, and nothing that is not its own', () => {
    writeFileSync(join(folder, 'notes.txt'), 'x'.repeat(100_000));
    const kernels = [1, 2, 3].map((n) => mapFromText({ params }, `(k, { x, y }) => { y.value = x + ${n}; }`));
    const files = kernels.map((kernel) => {
      const before = new Set(entries());
      compile(kernel);
      return entries().find((name) => !before.has(name))!;
    });
    const size = statSync(join(folder, files[0]!)).size;
    files.forEach((name, i) => utimesSync(join(folder, name), i + 1, i + 1));
    compile(kernels[0]!); // used now, so the second is the oldest
    const limited = createKernelCompiler({ cacheFolder: folder, cacheBytes: Math.round(size * 3.5) });
    limited.compile(mapFromText({ params }, '(k, { x, y }) => { y.value = x + 4; }'));
    expect(entries()).toHaveLength(3);
    expect(entries()).not.toContain(files[1]);
    expect(readdirSync(folder)).toContain('notes.txt');
  });

  it('leaves no unfinished file, and removes those of writers that died', () => {
    const dead = join(folder, `${'a'.repeat(64)}.123.abc.tmp`);
    const young = join(folder, `${'b'.repeat(64)}.124.abc.tmp`);
    for (const file of [dead, young]) writeFileSync(file, '');
    utimesSync(dead, 1, 1);
    compile(plusOne);
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([young.slice(folder.length + 1)]);
  });

  it('compiles all the same where the folder went away', () => {
    const gone = join(folder, 'inner');
    const compiler = createKernelCompiler({ cacheFolder: gone });
    rmSync(gone, { recursive: true });
    expect(compiler.compile(plusOne).descriptor.name).toBe('test/text');
  });

  it('reports findings like a compiler without one, and keeps nothing of them', () => {
    const wrong = mapKernel('test/wrong', { params }, functionOf('(k, { x, y }) => { y.value = z; }'));
    expect(() => compile(wrong)).toThrow(/free-name/);
    expect(() => compile(wrong)).toThrow(/free-name/);
    expect(entries()).toHaveLength(0);
  });

  it('refuses a folder that cannot be made', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(() => createKernelCompiler({ cacheFolder: join(file, 'inner') })).toThrow(/INVALID_ARGUMENT.*cacheFolder/);
    expect(() => createKernelCompiler({ cacheFolder: folder, cacheBytes: 0 })).toThrow(/INVALID_ARGUMENT.*cacheBytes/);
  });
});
