import { describe, expect, it } from 'vitest';
import {
  bool,
  createKernelCompiler,
  f32,
  i64,
  inout,
  input,
  output,
  raw,
  shared,
  struct,
  u32,
  uniform,
} from '../../index.js';
import { compilePtx, hasNvcc } from '../../testing/cuda/nvcc.js';
import { hasOpenCl } from '../../testing/opencl/opencl-launches.js';
import { runOpenCl } from '../../testing/opencl/run-opencl.js';

const compiler = createKernelCompiler();

const scaled = raw(
  'test/raw-scaled',
  {
    params: {
      a: input(f32),
      points: inout(struct({ x: f32, n: i64 })),
      scale: uniform(f32),
      flip: uniform(bool),
      out: output(u32),
    },
  },
  {
    opencl: `
      if (global_x >= a_length) return;
      const u32 i = global_x + global_size_x * global_y;
      points_x[i] = flip ? -a[global_x] * scale : a[global_x];
      points_n[i] += (i64)points_length;
      out[i] = 10u * global_y + global_size_y;`,
  },
);

const body = (barrier: string): string => `
  tile[local_x] = in_range ? a[global_x] : 0;
  ${barrier}
  if (in_range) out[global_x] = tile[3 - local_x] + 100 * group_x + 1000 * group_count_x;`;
const reversed = raw(
  'test/raw-reversed',
  {
    params: { a: input(u32), out: output(u32) },
    workgroup: 4,
    grid: 'full-groups',
    shared: { tile: shared(u32, 4) },
  },
  { opencl: body('barrier(CLK_LOCAL_MEM_FENCE);'), cuda: body('__syncthreads();') },
);

describe('a raw kernel', () => {
  it('has artifacts for the devices it has texts for, and reasons for the others', () => {
    const { artifacts, refused } = compiler.compile(reversed, { targets: ['wasm', 'js', 'cpp', 'opencl', 'cuda'] });
    expect(artifacts.map((a) => a.target)).toEqual(['opencl', 'cuda']);
    const reason = 'a raw kernel with texts for opencl, cuda only';
    expect(refused).toEqual(['wasm', 'js', 'cpp'].map((target) => ({ target, reason })));
    expect(compiler.compile(scaled, { targets: ['cuda'] })).toMatchObject({
      artifacts: [],
      refused: [{ target: 'cuda', reason: 'a raw kernel with texts for opencl only' }],
    });
  });

  it('is known by its texts', () => {
    const { params, raw: texts } = scaled;
    const other = raw('test/raw-scaled', { params }, { opencl: `${texts?.opencl} ` });
    const [one, two] = [scaled, other].map((d) => compiler.compile(d, { targets: ['opencl'] }));
    expect(one?.descriptor.id).not.toBe(two?.descriptor.id);
    expect(one?.artifacts[0]).not.toMatchObject({ entry: (two?.artifacts[0] as { entry: string }).entry });
  });

  it.skipIf(!hasOpenCl())('finds everything under the promised names on PoCL', () => {
    const cases = [
      {
        compiled: compiler.compile(scaled, { targets: ['opencl'] }),
        args: {
          size: [3, 2, 1] as const,
          values: {
            a: [1, 2],
            points: { x: [0, 0, 0, 0, 0, 0], n: [1n, 2n, 3n, 4n, 5n, 6n] },
            scale: 3,
            flip: true,
            out: 6,
          },
        },
      },
      {
        compiled: compiler.compile(reversed, { targets: ['opencl'] }),
        args: { size: 6, values: { a: [1, 2, 3, 4, 5, 6], out: 6 } },
      },
    ];
    expect(runOpenCl(cases).map(({ outputs }) => outputs)).toEqual([
      { points: { x: [-3, -6, 0, -3, -6, 0], n: [7n, 8n, 3n, 10n, 11n, 6n] }, out: [2, 2, 0, 12, 12, 0] },
      { out: [2004, 2003, 2002, 2001, 2100, 2100] },
    ]);
  });

  it.skipIf(!hasNvcc())('compiles with nvcc', () => {
    const [artifact] = compiler.compile(reversed, { targets: ['cuda'] }).artifacts;
    if (artifact?.target !== 'cuda') throw new Error('no CUDA');
    expect(compilePtx([artifact.source], artifact.flags, '80')).toContain('bar.sync');
  });
});
