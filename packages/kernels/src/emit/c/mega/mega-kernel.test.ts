import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ARGUMENT_HEADER_BYTES, ARGUMENT_SLOT_BYTES } from '@gpu-bridge/abstractions';
import type { CompiledKernel } from '@gpu-bridge/abstractions';
import { Op, RingMemory, SiloEnd, Status, createCqe, createSqe, ringSizeBytes } from '@gpu-bridge/protocol';
import { describe, expect, it } from 'vitest';
import { atomic, compileMegaKernels, createKernelCompiler, gridKernel, raw, u32 } from '../../../index.js';
import { prepare, runKernel } from '../../../testing/argument-block.js';
import type { Arguments, Prepared } from '../../../testing/argument-block.js';
import { CUDA_ARCHITECTURES, compilePtx, hasNvcc } from '../../../testing/cuda/nvcc.js';
import { callEntries, compileCpp, compileKernels, hasGxx } from '../../../testing/native/native-calls.js';
import { hasOpenCl, launchKernels } from '../../../testing/opencl/opencl-launches.js';
import { SCALAR_CASES } from '../../../testing/scalar-cases.js';
import { WORKGROUP_CASES } from '../../../testing/workgroup-cases.js';
import type { MegaKernel } from './mega-kernel.js';

const compiler = createKernelCompiler();
/** Of 64 KiB, for each case. */
const PAGES = 16;
const PART = PAGES * 65_536;
const CAPACITY = 16;
const GENERATION = 5;
/** Work-items of the launches of kernels without a workgroup. */
const LANES = 4;

/** Map kernels with lists and scratch, atomics, and two workgroup kernels of different footprints. */
const NAMES = ['test/totals', 'test/sorted', 'test/collected', 'test/reduction', 'test/transposed'];
const CASES = NAMES.map((name, i) => {
  const found = [...SCALAR_CASES, ...WORKGROUP_CASES].find((c) => c.definition.name === name)!;
  const args: Arguments = { ...found.args, group: 0, groups: LANES };
  return { number: i + 1, ...found, args, compiled: compiler.compile(found.definition, { targets: ['js'] }) };
});
/** One memory: the arguments of every case, each in a part of its own, and a ring behind them with entries for `kernels`. */
class Arena {
  readonly memory: Uint8Array;
  readonly ringOffset = CASES.length * PART;
  private readonly prepared: Prepared[];
  private readonly silo: SiloEnd;
  private readonly ring: RingMemory;

  constructor(kernels: readonly number[]) {
    const buffer = new SharedArrayBuffer(this.ringOffset + ringSizeBytes(CAPACITY));
    this.memory = new Uint8Array(buffer);
    this.prepared = CASES.map(({ compiled, args }, i) => {
      const prepared = prepare(compiled, args, PAGES);
      this.memory.set(new Uint8Array(prepared.layout.memory.buffer), i * PART);
      moveBlock(this.memory, compiled, i * PART + prepared.layout.block, i * PART);
      return prepared;
    });
    this.ring = new RingMemory(buffer, this.ringOffset, CAPACITY);
    this.ring.initialise(GENERATION);
    this.silo = new SiloEnd(this.ring);
    const run = { ...createSqe(), op: Op.RUN, generation: GENERATION };
    CASES.forEach(({ number, args }, i) => {
      const { layout, units } = this.prepared[i]!;
      const [firstItem, itemCount] = args.range ?? [0, units];
      const paramsLow = i * PART + layout.block;
      if (kernels.includes(number))
        this.silo.submit({
          ...run,
          kernel: number,
          paramsLow,
          firstItem,
          itemCount,
          userDataLow: number,
          userDataHigh: 3,
        });
    });
    const [kernel = 0] = kernels;
    this.silo.submit({ ...run, kernel: 99, userDataLow: 101 });
    this.silo.submit({ ...run, kernel, op: 77, userDataLow: 102 });
    this.silo.submit({ ...run, kernel, generation: 4, userDataLow: 103 });
    this.silo.submit({ ...run, kernel, paramsLow: 1032, userDataLow: 104 });
    this.silo.submit({ ...run, kernel, paramsHigh: 1, userDataLow: 105 });
    this.silo.requestStop();
  }

  /** What became of the entries, and of the arguments, of these kernels. */
  expectDone(kernels: readonly number[]): void {
    const done: (readonly [userDataLow: number, status: number])[] = [];
    const completion = createCqe();
    const violations = new Map<number, number>();
    while (this.silo.reap(completion)) {
      done.push([completion.userDataLow, completion.status]);
      violations.set(completion.userDataLow, completion.violations);
      expect(completion.generation).toBe(GENERATION);
    }
    expect(done).toEqual([
      ...kernels.map((number) => [number, Status.OK]),
      [101, Status.UNKNOWN_KERNEL],
      [102, Status.UNKNOWN_OP],
      [103, Status.STALE_GENERATION],
      [104, Status.BAD_ARGUMENT_BLOCK],
      [105, Status.BAD_ARGUMENT_BLOCK],
    ]);
    expect(this.silo.leases()).toBe(1);
    CASES.forEach(({ number, compiled, args }, i) => {
      if (!kernels.includes(number)) return;
      const { layout, collect } = this.prepared[i]!;
      new Uint8Array(layout.memory.buffer).set(this.memory.subarray(i * PART, (i + 1) * PART));
      const expected = runKernel(compiled, 'js', args);
      expect(collect(), compiled.descriptor.name).toEqual(expected.outputs);
      expect(violations.get(number)).toBe(expected.violations);
    });
  }
}

/** Makes the offsets of an argument block count from the start of a larger memory. */
function moveBlock(memory: Uint8Array, { descriptor }: CompiledKernel, block: number, by: number): void {
  const view = new DataView(memory.buffer, block);
  descriptor.layout.slots.forEach(({ part }, slot) => {
    const at = ARGUMENT_HEADER_BYTES + ARGUMENT_SLOT_BYTES * slot + 8;
    if (part !== 'uniform') view.setBigUint64(at, view.getBigUint64(at, true) + BigInt(by), true);
  });
}

describe('a mega-kernel', () => {
  it('is linked of kernels that cost a resident group the same', () => {
    const linked = compileMegaKernels(CASES, 'opencl');
    expect(linked.map(({ kernels, groupSize, sharedBytes }) => ({ kernels, groupSize, sharedBytes }))).toEqual([
      { kernels: [1, 2, 3], groupSize: null, sharedBytes: 0 },
      { kernels: [4], groupSize: 64, sharedBytes: 256 },
      { kernels: [5], groupSize: 32, sharedBytes: 128 },
    ]);
    const strict = CASES.map(({ number, definition }) => ({
      number,
      definition: { ...definition, fp: 'strict' as const },
    }));
    expect(compileMegaKernels([...CASES.slice(0, 1), ...strict.slice(1, 3)], 'cuda').map((m) => m.kernels)).toEqual([
      [1],
      [2, 3],
    ]);
  });

  it('takes raw kernels where they have a text for the device', () => {
    const definition = raw('test/raw', { params: { out: atomic(u32) } }, { cuda: 'atomicAdd(out, 1u);' });
    const [mega] = compileMegaKernels([{ number: 3, definition }], 'cuda');
    expect(mega?.source).toContain('atomicAdd(out, 1u);');
    expect(() => compileMegaKernels([{ number: 3, definition }], 'cpp')).toThrow(/INVALID_ARGUMENT: members/);
  });

  it.skipIf(!hasGxx())('runs the entries of a ring as C++, and refuses what is no entry for it', () => {
    const [mega] = compileMegaKernels(CASES, 'cpp') as [MegaKernel];
    const numbers = CASES.map(({ number }) => number);
    const arena = new Arena(numbers);
    const adapter = `extern "C" int32_t serve(uint8_t* memory, uint64_t ring, uint32_t bytes, uint32_t polls, uint32_t) {
      ${mega.entry}(memory, bytes, (uint32_t*)(memory + ring), polls, nullptr);
      return 0;
    }`;
    const memory = arena.memory.slice();
    callEntries(compileKernels([mega.source, adapter], mega.flags), [
      { entry: 'serve', memory, argumentBlock: arena.ringOffset, first: arena.ringOffset, count: 10, group: 0 },
    ]);
    arena.memory.set(memory);
    arena.expectDone(numbers);
  });

  it.skipIf(!hasGxx())('serves a silo in another thread as C++, lease after lease', () => {
    const counter = gridKernel('test/counter', { params: { count: atomic(u32) } }, (k, { count }) => {
      k.atomicAdd(count, 0, k.global.x + 1);
    });
    const [mega] = compileMegaKernels([{ number: 7, definition: counter }], 'cpp') as [MegaKernel];
    const text = readFileSync(fileURLToPath(new URL('../../../testing/mega/silo.cc', import.meta.url)), 'utf8');
    const include = fileURLToPath(new URL('../../../../../../native/include', import.meta.url));
    const flags = [...mega.flags, '-pthread', `-I${include}`, `-DMEGA=${mega.entry}`];
    const { stdout, stderr } = spawnSync(compileCpp(`${mega.source}\n${text}`, flags), { encoding: 'utf8' });
    expect([stdout.trim(), stderr]).toEqual([`${20_000 * 6} 20000 1`, '']);
  });

  it.skipIf(!hasOpenCl()).each([
    ['volatile accesses', []],
    ['the atomics of OpenCL 3.0', ['-cl-std=CL3.0']],
  ] as const)('runs the entries of a ring on PoCL, with %s', (_, flags) => {
    for (const mega of compileMegaKernels(CASES, 'opencl')) {
      const arena = new Arena(mega.kernels);
      const localSize = mega.groupSize ?? LANES;
      launchKernels(
        [withLaunchParameters(mega)],
        [...mega.flags, ...flags],
        [
          {
            entry: mega.entry,
            memory: arena.memory,
            argumentBlock: arena.ringOffset,
            first: arena.ringOffset,
            count: 10,
            globalSize: localSize,
            localSize,
          },
        ],
      );
      arena.expectDone(mega.kernels);
    }
  });

  it.skipIf(!hasNvcc()).each(CUDA_ARCHITECTURES)('compiles with nvcc for compute capability %s', (architecture) => {
    for (const mega of compileMegaKernels(CASES, 'cuda')) {
      const ptx = compilePtx([mega.source], mega.flags, architecture);
      expect(ptx).toContain('ld.acquire.sys');
      expect(ptx).toContain('st.release.sys');
      expect(ptx).toContain(`.entry ${mega.entry}`);
    }
  });
});

/** The launcher of the tests knows the parameters of kernels: the ring lies in the same memory as everything else. */
function withLaunchParameters(mega: MegaKernel): string {
  const params =
    '__global uchar* memory, ulong ringOffset, uint memoryBytes, uint maxEmptyPolls, __global uint* unused';
  const ring = '__global uchar* rings = memory + ringOffset; const uint ringBytes = 0;';
  return mega.source.replace(new RegExp(`( ${mega.entry})\\(.*\\) \\{`), `$1(${params}) {\n  ${ring}`);
}
