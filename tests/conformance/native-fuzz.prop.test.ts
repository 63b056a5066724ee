import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MODE_NUMBERS } from '@gpu-bridge/abstractions';
import type { CompiledKernel, ExecutionMode, KernelTarget, NativeOptions } from '@gpu-bridge/abstractions';
import { createKernelCompiler } from '@gpu-bridge/kernels';
import { Status } from '@gpu-bridge/protocol';
import { DeviceDriver } from '@gpu-bridge/testkit';
import type { LoadedKernel } from '@gpu-bridge/testkit';
import { describe, expect, it } from 'vitest';
import { placeIn, prepare, runKernel } from '../../packages/kernels/src/testing/argument-block.js';
import type { Arguments } from '../../packages/kernels/src/testing/argument-block.js';
import { programOf } from '../../packages/kernels/src/testing/fuzz/differential.js';
import { FUZZ, FUZZ_TIMEOUT_MS } from '../../packages/kernels/src/testing/fuzz/run.js';
import { absenceOf, compilerFor, nativeBackend } from '../support/native.js';

/** Programs in one device: each is built by the device's own compiler. */
const PROGRAMS = Math.min(30, FUZZ.count);
/** What else may run on the machine slows compilers down, not down to this. */
const BOUND_MS = 300_000;

const compiler = createKernelCompiler();

const subjects: Record<string, { readonly target: KernelTarget; readonly options: NativeOptions }> = {
  'native cpu': { target: 'cpp', options: { cpu: { executors: 2, arenaMiB: 128 } } },
  OpenCL: { target: 'opencl', options: { opencl: { executors: 2, arenaMiB: 128 } } },
};

interface Case {
  readonly seed: number;
  readonly text: string;
  readonly args: Arguments;
  readonly compiled: CompiledKernel;
  readonly kernel: LoadedKernel;
}

for (const [name, { target, options }] of Object.entries(subjects)) {
  const absence = await absenceOf(options);
  describe(`random programs on ${name}`, () => {
    if (absence !== undefined) {
      it.skip(`skipped: ${absence}`);
      return;
    }
    it(
      'give the bits of the reference from one device that has them all, in each of its modes',
      async () => {
        const cacheFolder = mkdtempSync(join(tmpdir(), 'gpu-bridge-native-fuzz-'));
        const backend = nativeBackend({ ...options, cacheFolder });
        const [description] = await backend.discover();
        const device = await backend.open(description!.id);
        try {
          const driver = new DeviceDriver(device, { compiler: compilerFor(target), boundMs: BOUND_MS });
          const cases = await load(driver);
          await driver.seal();
          for (const mode of device.description.executionModes)
            for (const [i, one] of cases.entries())
              await expectReference(driver, one, i % device.executors.length, mode);
          driver.arena.assertIntact();
        } finally {
          await device.close(0);
          rmSync(cacheFolder, { recursive: true, force: true });
        }
      },
      FUZZ_TIMEOUT_MS + PROGRAMS * 20_000,
    );
  });
}

/** Loads the programs in the strict mode, where every target owes the bits of the reference. */
async function load(driver: DeviceDriver): Promise<Case[]> {
  const cases: Case[] = [];
  for (let seed = FUZZ.seed; seed < FUZZ.seed + PROGRAMS; seed++) {
    const { definition, args, text } = programOf(seed);
    const strict = { ...definition, fp: 'strict' } as const;
    const compiled = compiler.compile(strict, { targets: ['js'] });
    cases.push({ seed, text, args, compiled, kernel: await driver.loadUnsealed(strict) });
  }
  return cases;
}

async function expectReference(
  driver: DeviceDriver,
  { seed, text, args: given, compiled, kernel }: Case,
  group: number,
  mode: ExecutionMode,
): Promise<void> {
  const { device, arena } = driver;
  const args = { ...given, group, groups: device.executors.length * device.description.lanes };
  const prepared = prepare(compiled, args);
  const image = new Uint8Array(prepared.layout.memory.buffer);
  const at = arena.allocate(`arguments of program ${seed}`, image.byteLength);
  const paramsLow = placeIn(new Uint8Array(device.memory), at, compiled, prepared);
  const [firstItem, itemCount] = args.range ?? [0, prepared.units];
  const executor = device.executors[group]!;
  const asked = MODE_NUMBERS[mode];
  const run = driver.submit({
    ...{ executor, kernel: kernel.kernelNumber, paramsLow, firstItem, itemCount, mode: asked },
  });
  const { status, violations, mode: ran } = await driver.answer(run);
  const what = `seed ${seed} in mode ${mode}:\n${text}`;
  expect([status, ran], what).toEqual([Status.OK, asked]);
  image.set(new Uint8Array(device.memory, at, image.byteLength));
  const outcome = { violations, outputs: prepared.collect(), canariesIntact: prepared.layout.canariesIntact() };
  expect(outcome, what).toEqual(runKernel(compiled, 'js', args));
}
