import {
  argumentLayout,
  atomic,
  f64,
  inout,
  input,
  output,
  ragged,
  scratch,
  struct,
  u32,
  uniform,
} from '@gpu-bridge/abstractions';
import type { KernelDescriptor } from '@gpu-bridge/abstractions';
import { describe, expect, it } from 'vitest';
import { encodeFrame, goFrame, kernelFrame, linkFrame } from './frames.js';

const params = {
  keys: input(u32),
  pairs: output(struct({ sum: f64, count: u32 })),
  sums: atomic(u32),
  cells: inout(f64),
  by: uniform(f64),
};
const lists = {
  lines: input(ragged(u32)),
  found: output(ragged(f64, { max: [1, 2] })),
  work: scratch(u32, { max: [1, 3] }),
};
const descriptor: KernelDescriptor = {
  ...{ id: 'name/part@0123456789abcdef', name: 'name/part', kind: 'grid', params, layout: argumentLayout(params, 64) },
  ...{ effects: 'mutates', requires: [], readsItemIndex: false, fp: 'strict', bounds: 'checked' },
  ...{ workgroup: [8, 4, 1], workspaceBytes: 64, irVersion: 1 },
};

describe('frames', () => {
  it('count bytes, not characters', () => {
    expect(encodeFrame({ verb: 'link', payload: 'a €\n' }).toString()).toBe('link 6\na €\n');
    expect(encodeFrame(goFrame(7)).toString()).toBe('go 1\n7');
  });

  it('say of every slot what it is, how wide its elements are, how it is used and how many it needs', () => {
    const build = { entry: 'name_part', flags: ['-a', '-b'], source: 'text\n\nmore' };
    const { verb, payload } = kernelFrame(3, descriptor, build);
    const [head, ...text] = payload.split('\n\n');
    expect(verb).toBe('kernel');
    expect(text.join('\n\n')).toBe(build.source);
    expect(head!.split('\n').filter((line) => !line.startsWith('fingerprint '))).toEqual([
      ...[
        'number 3',
        'id name/part@0123456789abcdef',
        'kind grid',
        'workgroup 8 4 1',
        'entry name_part',
        'flags -a -b',
      ],
      ...['slot column 4 in 0 items 0', 'slot column 8 out 0 items 0', 'slot column 4 out 1 1 0'],
      ...['slot column 4 inout 0 items 0', 'slot column 8 inout 0 items 0', 'slot uniform 8 in 0 items 0'],
      'slot workspace 4 inout 0 items 16',
    ]);
    const map = { ...descriptor, kind: 'map', params: lists, layout: argumentLayout(lists) } as const;
    expect(kernelFrame(3, map, build).payload.match(/^slot .*/gm)).toEqual([
      ...['slot offsets 4 in 1 items 1', 'slot column 4 in 0 items 0'],
      ...['slot counts 4 out 1 items 0', 'slot column 8 out 2 items 0', 'slot scratch 4 inout 0 items 3'],
    ]);
    expect(head).toMatch(/^fingerprint [0-9a-f]{64}$/m);
  });

  it('name a shared object instead of its text, with the fingerprint of the text', () => {
    const build = { entry: 'e', flags: [], source: 'text' };
    const fingerprint = (payload: string): string => /^fingerprint (.*)$/m.exec(payload)![1]!;
    const withText = kernelFrame(1, descriptor, build).payload;
    const withLibrary = kernelFrame(1, descriptor, { ...build, library: '/some where/k.so' }).payload;
    expect(withLibrary).toContain('\nlibrary /some where/k.so\n');
    expect(withLibrary.endsWith('\n\n')).toBe(true);
    expect(fingerprint(withLibrary)).toBe(fingerprint(withText));
    expect(fingerprint(kernelFrame(1, descriptor, { ...build, flags: ['-x'] }).payload)).not.toBe(
      fingerprint(withText),
    );
  });

  it('give a linked loop with its kernels and what a launch of it needs', () => {
    const linked = {
      source: 'loop',
      entry: 'serve',
      flags: ['-cl'],
      kernels: [1, 4],
      groupSize: null,
      sharedBytes: 32,
    };
    expect(linkFrame(linked).payload).toMatch(
      /^entry serve\nflags -cl\nkernels 1 4\ngroup_size any\nshared_bytes 32\nfingerprint [0-9a-f]+\n\nloop$/,
    );
    expect(linkFrame({ ...linked, groupSize: 64 }).payload).toContain('\ngroup_size 64\n');
  });
});
