import { Mode, Op, Status } from '@gpu-bridge/protocol';
import type { Sqe } from '@gpu-bridge/protocol';
import { describe, expect, it } from 'vitest';
import {
  atomic,
  createKernelCompiler,
  gridKernel,
  mapKernel,
  output,
  ragged,
  raw,
  scratch,
  struct,
  u32,
} from '../../../index.js';
import { runKernel } from '../../../testing/argument-block.js';
import type { Arguments } from '../../../testing/argument-block.js';
import { CUDA_ARCHITECTURES, compilePtx, hasNvcc } from '../../../testing/cuda/nvcc.js';
import { GENERATION, LinkedRing, PAGES, RING } from '../../../testing/linked/linked-ring.js';
import { serveSilo } from '../../../testing/linked/silo.js';
import { hasOpenCl } from '../../../testing/opencl/opencl-launches.js';
import { SCALAR_CASES } from '../../../testing/scalar-cases.js';
import { WORKGROUP_CASES } from '../../../testing/workgroup-cases.js';
import { Inputs } from '../../../testing/fuzz/inputs.js';

const compiler = createKernelCompiler();
/** Work-items of the launches of kernels without a workgroup. */
const LANES = 4;

/** Map kernels with lists and scratch, atomics, and two workgroup kernels of different footprints. */
const NAMES = ['test/totals', 'test/sorted', 'test/collected', 'test/reduction', 'test/transposed'];
const CASES = NAMES.map((name, i) => {
  const found = [...SCALAR_CASES, ...WORKGROUP_CASES].find((c) => c.definition.name === name)!;
  const args: Arguments = { ...found.args, group: RING, groups: (RING + 1) * LANES };
  return { number: i + 1, ...found, args, compiled: compiler.compile(found.definition, { targets: ['js'] }) };
});
const DIALECTS = [
  ['volatile accesses', []],
  ['the atomics of OpenCL 3.0', ['-cl-std=CL3.0']],
] as const;

describe('a linked kernel', () => {
  it('is linked of kernels that cost a resident group the same', () => {
    const linked = compiler.link(CASES, 'opencl');
    expect(linked.map(({ kernels, groupSize, sharedBytes }) => ({ kernels, groupSize, sharedBytes }))).toEqual([
      { kernels: [1, 2, 3], groupSize: null, sharedBytes: 0 },
      { kernels: [4], groupSize: 64, sharedBytes: 256 },
      { kernels: [5], groupSize: 32, sharedBytes: 128 },
    ]);
    const strict = CASES.map(({ number, definition }) => ({
      number,
      definition: { ...definition, fp: 'strict' as const },
    }));
    expect(compiler.link([...CASES.slice(0, 1), ...strict.slice(1, 3)], 'cuda').map((l) => l.kernels)).toEqual([
      [1],
      [2, 3],
    ]);
  });

  it('takes raw kernels where they have a text for the device', () => {
    const definition = raw('test/raw', { params: { out: atomic(u32) } }, { cuda: 'atomicAdd(out, 1u);' });
    const [linked] = compiler.link([{ number: 3, definition }], 'cuda');
    expect(linked?.source).toContain('atomicAdd(out, 1u);');
    expect(() => compiler.link([{ number: 3, definition }], 'opencl')).toThrow(/KERNEL_BUILD_FAILED.*no text/);
  });

  it.skipIf(!hasNvcc()).each(CUDA_ARCHITECTURES)('compiles with nvcc for compute capability %s', (architecture) => {
    for (const linked of compiler.link(CASES, 'cuda')) {
      const ptx = compilePtx([linked.source], linked.flags, architecture);
      expect(ptx).toContain('ld.acquire.sys');
      expect(ptx).toContain('st.release.sys');
      expect(ptx).toContain(`.entry ${linked.entry}`);
    }
  });
});

describe.skipIf(!hasOpenCl()).each(DIALECTS)('a linked kernel on PoCL, with %s,', (_, flags) => {
  it('runs the entries of its kernels as the reference does', () => {
    for (const linked of compiler.link(CASES, 'opencl')) {
      const ring = new LinkedRing(CASES);
      for (const number of linked.kernels) ring.silo.submit(ring.entryOf(number, { userDataHigh: 3 }));
      ring.silo.requestStop();
      ring.serve(linked, LANES, flags);
      const done = ring.reap();
      expect(done.map(({ userDataLow, userDataHigh }) => [userDataLow, userDataHigh])).toEqual(
        linked.kernels.map((number) => [number, 3]),
      );
      for (const { userDataLow: number, ...completion } of done) {
        const { compiled, args } = CASES.find((c) => c.number === number)!;
        const { outputs, violations } = runKernel(compiled, 'js', args, PAGES);
        expect(completion).toMatchObject({
          status: Status.OK,
          generation: GENERATION,
          mode: Mode.RESIDENT,
          violations,
        });
        expect(ring.collect(number), compiled.descriptor.name).toEqual(outputs);
      }
    }
  });

  it('answers entries that make no sense, and runs none of them', () => {
    const linked = compiler.link(CASES, 'opencl')[0]!;
    const ring = new LinkedRing(CASES);
    const { paramsLow, itemCount } = ring.entryOf(2);
    const end = ring.memory.byteLength;
    const refused: readonly (readonly [Partial<Sqe>, Status])[] = [
      [{ generation: GENERATION - 1 }, Status.STALE_GENERATION],
      [{ group: RING - 1 }, Status.BAD_RANGE],
      [{ firstItem: itemCount, itemCount: 1 }, Status.BAD_RANGE],
      [{ firstItem: 2, itemCount: 2 ** 32 - 1 }, Status.BAD_RANGE],
      [{ paramsLow: paramsLow + 8 }, Status.BAD_ARGUMENT_BLOCK],
      [{ paramsHigh: 1 }, Status.BAD_ARGUMENT_BLOCK],
      [{ paramsLow: 2 ** 32 - 16, paramsHigh: 2 ** 32 - 1 }, Status.BAD_ARGUMENT_BLOCK],
      [{ paramsLow: ring.arenaOffset - 16 }, Status.BAD_ARGUMENT_BLOCK],
      [{ paramsLow: end - 16 }, Status.BAD_ARGUMENT_BLOCK],
      [{ paramsLow: end }, Status.BAD_ARGUMENT_BLOCK],
    ];
    refused.forEach(([changes]) => ring.silo.submit(ring.entryOf(2, changes)));
    const before = ring.collect(2);
    ring.silo.requestStop();
    ring.serve(linked, LANES, flags);
    expect(ring.reap().map(({ status }) => status)).toEqual(refused.map(([, status]) => status));
    expect(ring.collect(2)).toEqual(before);
  });

  it('leaves entries that are not for it to the host, and goes on behind them', () => {
    const linked = compiler.link(CASES, 'opencl')[0]!;
    const ring = new LinkedRing(CASES);
    const foreign: readonly Partial<Sqe>[] = [{ op: Op.LOAD_KERNEL }, { kernel: 4 }, { mode: Mode.LAUNCHED }];
    for (const changes of foreign) {
      ring.silo.submit(ring.entryOf(1));
      ring.silo.submit(ring.entryOf(1, changes));
    }
    foreign.forEach((_foreign, i) => {
      ring.serve(linked, LANES, flags);
      expect(ring.reap().map(({ mode }) => mode)).toEqual([Mode.RESIDENT]);
      expect([ring.running(), ring.silo.isExecutorParked(), ring.silo.leases()]).toEqual([2 * i + 1, false, i + 1]);
      ring.answerNext({ status: Status.OK, mode: Mode.LAUNCHED });
      expect(ring.reap().map(({ mode }) => mode)).toEqual([Mode.LAUNCHED]);
    });
  });

  it('ends after as many entries as it may run, then goes on, and parks when there is nothing to do', () => {
    const linked = compiler.link(CASES, 'opencl')[0]!;
    const ring = new LinkedRing(CASES);
    for (const userDataHigh of [0, 1, 2, 3, 4]) ring.silo.submit(ring.entryOf(1, { userDataHigh }));
    ring.serve(linked, LANES, flags, 2);
    expect(ring.reap().map(({ mode, userDataHigh }) => [mode, userDataHigh])).toEqual([
      [Mode.LEASED, 0],
      [Mode.LEASED, 1],
    ]);
    expect([ring.silo.isExecutorParked(), ring.silo.heartbeat()]).toEqual([false, 2]);
    ring.serve(linked, LANES, flags);
    expect(ring.reap().map(({ mode, userDataHigh }) => [mode, userDataHigh])).toEqual([
      [Mode.RESIDENT, 2],
      [Mode.RESIDENT, 3],
      [Mode.RESIDENT, 4],
    ]);
    expect([ring.silo.isExecutorParked(), ring.silo.leases(), ring.running()]).toEqual([true, 2, 5]);
    expect(ring.silo.heartbeat()).toBeGreaterThan(5);
    expect(ring.collect(1)).toEqual(runKernel(CASES[0]!.compiled, 'js', CASES[0]!.args, PAGES).outputs);
  });

  it('stays inside the arena whatever stands in entries and blocks', () => {
    const linked = compiler.link(BLUNT, 'opencl')[0]!;
    const spare = 65_536;
    const ring = new LinkedRing(BLUNT, 1024, spare);
    const { memory, arenaOffset } = ring;
    const arenaEnd = memory.byteLength - spare;
    const random = new Inputs(31, 'strict');
    const oneOf = <T>(values: readonly T[]): T => values[random.below(values.length)]!;
    const words = new Uint32Array(memory.buffer);
    memory.fill(CANARY, arenaEnd);

    const blocks = BLUNT.flatMap(({ number, compiled }) => {
      const valid = ring.entryOf(number).paramsLow;
      const block = words.slice(valid / 4, valid / 4 + compiled.descriptor.layout.sizeBytes / 4);
      return Array.from({ length: 150 }, (_, i) => {
        const at = valid + 8192 + 256 * i;
        words.set(block, at / 4);
        const strange = [0, 1, 4096, arenaOffset - 4, arenaEnd - 8, arenaEnd, 2 ** 20, random.below(2 ** 20)];
        words[at / 4 + random.below(block.length)] = oneOf(strange);
        return { number, at };
      });
    });
    for (let i = 0; i < 1000; i++) {
      const { number, at } = oneOf(blocks);
      const changes: Partial<Sqe>[] = [
        { generation: random.below(10) },
        { group: random.below(4) },
        { paramsLow: random.below(arenaEnd / 16) * 16 },
        { paramsLow: random.below(2 ** 32) },
        { paramsHigh: random.below(2 ** 32) },
        { firstItem: random.below(50) },
        { firstItem: random.below(2 ** 32) },
        { itemCount: oneOf([0, 1, 41, 1000, 2 ** 32 - 1]) },
      ];
      ring.silo.submit(ring.entryOf(number, { paramsLow: at, ...(random.below(3) === 0 ? oneOf(changes) : {}) }));
    }
    ring.silo.requestStop();
    const before = memory.slice();
    ring.serve(linked, LANES, flags);

    const statuses = new Set(ring.reap().map(({ status }) => status));
    expect(ring.running()).toBe(1000);
    expect(statuses).toEqual(
      new Set([Status.OK, Status.BAD_ARGUMENT_BLOCK, Status.BAD_RANGE, Status.STALE_GENERATION]),
    );
    const changed = memory.findIndex((byte, i) => byte !== before[i] && !ring.isExecutors(i) && i < arenaOffset);
    expect(changed).toBe(-1);
    expect(memory.subarray(arenaEnd).every((byte) => byte === CANARY)).toBe(true);
  });

  it.each([
    ['leases that are short of polls', 20, 2 ** 32 - 1],
    ['leases of few entries', 2 ** 31, 7],
  ])('serves a silo in another thread, in %s', (_leases, maxEmptyPolls, maxEntries) => {
    const definition = gridKernel('test/counter', { params: { count: atomic(u32) } }, (k, { count }) => {
      k.atomicAdd(count, 0, k.global.x + 1);
    });
    const linked = compiler.link([{ number: 7, definition }], 'opencl')[0]!;
    const entries = 300;
    const { sum, running, leases } = serveSilo(linked, flags, { maxEmptyPolls, maxEntries, entries, inFlight: 3 });
    expect([sum, running]).toEqual([entries * 6, entries]);
    expect(leases).toBeGreaterThan(1);
  });
});

const CANARY = 0xa5;

/** Kernels whose data says nothing about where they write: the block is all there is to get wrong. */
const BLUNT = [
  {
    number: 1,
    definition: mapKernel(
      'test/blunt-map',
      {
        params: {
          out: output(struct({ v: u32 })),
          work: scratch(u32, { max: [0, 5] }),
          pair: output(ragged(u32, { max: [0, 2] })),
        },
      },
      (k, p) => {
        for (let i = k.u32(0); i < 5; i++) p.work[i] = 7;
        p.out.v = p.work[4]!;
        p.pair.push(p.out.v);
        p.pair.push(k.item);
      },
    ),
    args: { size: 40, values: {}, group: RING, groups: (RING + 1) * LANES },
  },
  {
    number: 2,
    definition: gridKernel(
      'test/blunt-grid',
      { params: { out: output(u32), hits: atomic(u32) } },
      (k, { out, hits }) => {
        out[k.global.x + 4 * k.global.y] = 7;
        k.atomicMax(hits, k.global.z, 3);
      },
    ),
    args: { size: [4, 5, 2] as const, values: { out: 20, hits: 2 } },
  },
].map((one) => ({ ...one, compiled: compiler.compile(one.definition, { targets: ['js'] }) }));
