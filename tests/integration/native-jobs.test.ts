import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { f32, f64, input, mapKernel, output } from '@gpu-bridge/kernels';
import { WideColumn } from '@gpu-bridge/abstractions';
import type {
  ColumnBatch,
  ExecutionMode,
  RaggedOutput,
  GpuKernel,
  KernelDefinition,
  KernelHandle,
} from '@gpu-bridge/abstractions';
import { decompositionInputs, generateJournal, jeDecomposition } from '@gpu-bridge/sample-je-decomposition';
import { afterAll, describe, expect, it } from 'vitest';
import { groupSum, histogram, pick, transpose, unfold } from '../support/kernels.js';
import { absenceOf, startNativeSilo } from '../support/native.js';
import type { NativeSilo } from '../support/native.js';
import { readAll } from '../support/silo.js';

/** Rounds at every step, so that one operation that differs shows. */
const blend = mapKernel(
  'blend',
  { params: { x: input(f32), y: input(f64), a: output(f32), b: output(f64) }, fp: 'strict' },
  (k, { x, y, a, b }) => {
    a.value = k.sqrt(x * 1.1 + 0.3) / 3.7 + k.exp(x * 0.01);
    b.value = k.sqrt(y * 1.1 + 0.3) / 3.7 + k.log(y + 1);
  },
);

// One for the whole file, so that kernels are built once.
const cacheFolder = mkdtempSync(join(tmpdir(), 'gpu-bridge-native-'));
afterAll(() => rmSync(cacheFolder, { recursive: true, force: true }));

const native = {
  cacheFolder,
  cpu: { executors: 2, arenaMiB: 64 },
  opencl: { executors: 2, arenaMiB: 64 },
};
const kernels: KernelDefinition[] = [blend, groupSum, histogram, pick, transpose, unfold, jeDecomposition];
const absence = (await absenceOf({ cpu: native.cpu })) ?? (await absenceOf({ opencl: native.opencl }));
const DEVICES = ['cpu-native:0', 'opencl:0'];

type Submit<O> = (device: string) => Promise<KernelHandle<O>>;

/** The columns of a job on the reference, checked to be those that every native device gives too. */
async function sameEverywhere<O>(kernel: GpuKernel<never, O>, submit: Submit<O>): Promise<readonly ColumnBatch<O>[]> {
  const expected = await readAll(kernel, await submit('cpu:0'));
  for (const device of DEVICES) {
    const handle = await submit(device);
    const batches = await readAll(kernel, handle);
    expect((await handle.result).deviceId).toBe(device);
    expect(joined(batches), device).toEqual(joined(expected));
  }
  return expected;
}

/** Hashes of all columns, whatever batches they came in. */
function joined(batches: readonly ColumnBatch<unknown>[]): Record<string, string> {
  const hashes = new Map<string, Hash>();
  const add = (path: string, value: unknown): void => {
    if (isView(value)) {
      const hash = hashes.get(path) ?? createHash('sha256');
      hashes.set(path, hash.update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)));
    } else if (isLists(value)) {
      add(`${path}.counts`, value.counts);
      // What lies between lists is unspecified.
      const columns = isBare(value.columns) ? { value: value.columns } : value.columns;
      for (const [name, column] of Object.entries(columns)) {
        const values = column instanceof WideColumn ? column.array : column;
        value.counts.forEach((n, i) => add(`${path}.${name}`, values.subarray(value.start(i), value.start(i) + n)));
      }
    } else if (value instanceof WideColumn) {
      add(path, value.array);
    } else if (typeof value === 'object' && value !== null)
      for (const [name, inner] of Object.entries(value)) add(`${path}.${name}`, inner);
  };
  for (const { columns } of batches) add('', columns);
  return Object.fromEntries([...hashes].map(([path, hash]) => [path, hash.digest('hex')]));
}

const isView = (value: unknown): value is Uint8Array => ArrayBuffer.isView(value);

type Column = Uint32Array | WideColumn;
const isBare = (columns: Column | Record<string, Column>): columns is Column =>
  ArrayBuffer.isView(columns) || columns instanceof WideColumn;

function isLists(value: unknown): value is RaggedOutput<Column | Record<string, Column>> {
  return typeof value === 'object' && value !== null && 'counts' in value && 'columns' in value;
}

describe.skipIf(absence !== undefined)(
  `native devices through the whole path${absence ? `, skipped: ${absence}` : ''}`,
  () => {
    const withSilo = (test: (silo: NativeSilo) => Promise<void>) => async (): Promise<void> => {
      await using silo = await startNativeSilo({ kernels, native });
      await test(silo);
    };

    it(
      'give the bits that the reference gives: maps, lists, grids, workgroups and the kernel of the sample',
      withSilo(async ({ bridge, ...silo }) => {
        expect(bridge.getInfo().unavailable).toEqual([]);
        expect(bridge.getInfo().refusals).toEqual([]);
        for (const device of DEVICES) expect(silo.info(device).health).toBe('healthy');

        const n = 30_011;
        const x = Float32Array.from({ length: n }, (_, i) => i * 0.37);
        const y = Float64Array.from({ length: n }, (_, i) => i * 0.37);
        const blended = bridge.getKernel(blend);
        await sameEverywhere(blended, (preferredDevice) => blended.submitBatch({ x, y }, { preferredDevice }));

        const counted = bridge.getKernel(histogram);
        const values = Uint32Array.from({ length: n }, (_, i) => Math.imul(i, 2_654_435_761) >>> 0);
        await sameEverywhere(counted, (preferredDevice) =>
          counted.submitGrid({ x: values }, { globalSize: [n], sizes: { bins: 10 } }, { preferredDevice }),
        );

        const summed = bridge.getKernel(groupSum);
        await sameEverywhere(summed, (preferredDevice) =>
          summed.submitGrid({ x: values }, { globalSize: [n], sizes: { out: Math.ceil(n / 64) } }, { preferredDevice }),
        );
        const [width, height] = [301, 99];
        const transposed = bridge.getKernel(transpose);
        await sameEverywhere(transposed, (preferredDevice) =>
          transposed.submitGrid(
            { x: values.subarray(0, width * height) },
            { globalSize: [width, height], sizes: { bins: 16 } },
            { preferredDevice },
          ),
        );

        const unfolded = bridge.getKernel(unfold);
        const offsets = Uint32Array.from({ length: 1_001 }, (_, i) => ((i * (i % 2)) % 7) + 7 * i);
        offsets.sort();
        const list = { offsets, columns: { value: values.subarray(0, offsets[1_000]) } };
        await sameEverywhere(unfolded, (preferredDevice) => unfolded.submitBatch({ list }, { preferredDevice }));

        const journal = generateJournal({ lines: 5_000, seed: 3, unbalancedFraction: 0.1 });
        const inputs = decompositionInputs(journal, 'credit-to-debit', 0, journal.subEntryCount);
        const decomposed = bridge.getKernel(jeDecomposition);
        const flows = await sameEverywhere(decomposed, (preferredDevice) =>
          decomposed.submitBatch(inputs, { preferredDevice }),
        );
        expect(flows.reduce((sum, { itemCount }) => sum + itemCount, 0)).toBe(journal.subEntryCount);
      }),
    );

    it(
      'refuse bad input before anything is queued, and contain an index outside its list',
      withSilo(async ({ bridge }) => {
        const kernel = bridge.getKernel(pick);
        const list = { offsets: Uint32Array.of(0, 3), columns: { v: Uint32Array.of(7, 8, 9) } };
        for (const preferredDevice of DEVICES) {
          const short = { list, at: Uint32Array.of(1, 2) };
          await expect(kernel.submitBatch(short, { preferredDevice })).rejects.toMatchObject({
            code: 'INVALID_ARGUMENT',
          });
          const handles = await Promise.all(
            [2, 1_000_000_000, 0].map((at) =>
              kernel.submitBatch({ list, at: Uint32Array.of(at) }, { preferredDevice }),
            ),
          );
          const results = await Promise.all(handles.map((handle) => handle.result));
          expect(results.map(({ outcome }) => outcome)).toEqual(['completed', 'failed', 'completed']);
          expect(results[1]!.error).toMatchObject({ code: 'BOUNDS_VIOLATION', details: { violations: 1 } });
          expect((await readAll(kernel, handles[0]!))[0]!.columns.out[0]).toBe(9);
        }
      }),
    );

    it(
      'run jobs in the mode that the job asks for, where they have it',
      withSilo(async ({ bridge, ...silo }) => {
        const kernel = bridge.getKernel(blend);
        const ask = async (preferredDevice: string, executionMode: ExecutionMode | 'auto') => {
          const [x, y] = [Float32Array.of(1), Float64Array.of(1)];
          const handle = await kernel.submitBatch({ x, y }, { preferredDevice, executionMode });
          return (await handle.result).executionMode;
        };
        expect(silo.warnings).toEqual([]);
        expect(silo.info('opencl:0').description.executionModes).toEqual(['resident', 'launched']);
        expect(await ask('opencl:0', 'auto')).toBe('resident');
        expect(await ask('opencl:0', 'launched')).toBe('launched');
        expect(await ask('opencl:0', 'graph')).toBe('resident');
        expect(await ask('cpu-native:0', 'launched')).toBe('resident');
      }),
    );

    it('say what they are, and what their hosts use', async () => {
      await using silo = await startNativeSilo({ kernels: [blend], native });
      for (const device of DEVICES) {
        const { description, host } = silo.info(device);
        expect(description).toMatchObject({ faultDomain: 'device', executors: 2, arenaBytes: 64 * 2 ** 20 });
        expect(host).toMatchObject({ starts: 1, hasStandby: false });
        expect(host!.residentBytes).toBeGreaterThan(2 ** 20);
      }
    });
  },
);
