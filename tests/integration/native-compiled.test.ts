import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Tokens } from '@gpu-bridge/abstractions';
import type { KernelCompiler } from '@gpu-bridge/abstractions';
import { createKernelCompiler } from '@gpu-bridge/kernels';
import { afterAll, describe, expect, it } from 'vitest';
import { compiledOptions } from '../docs/compiled-kernels-example.js';
import { blackScholes } from '../support/compute-kernels.js';
import { absenceOf, startNativeSilo } from '../support/native.js';
import { readAll } from '../support/silo.js';

const PROGRAM = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url));
const KERNELS = fileURLToPath(new URL('../support/compute-kernels.ts', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-compiled-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const native = { cacheFolder: join(folder, 'cache'), cpu: { executors: 2, arenaMiB: 16 } };

const isTooOld = process.arch === 'x64' && !/\bavx2\b/.test(readFileSync('/proc/cpuinfo', 'utf8'));
const absence = isTooOld ? 'no AVX2' : await absenceOf(native);

/** What the command writes where there is a compiler, in the place where it is deployed to. */
function compileAndDeploy(): string {
  const args = [PROGRAM, 'compile', KERNELS, '--out', 'built', '--targets', 'wasm,cpp'];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  expect([stderr, status]).toEqual(['', 0]);
  const deployed = join(folder, 'deployed');
  renameSync(join(folder, 'built'), deployed);
  return deployed;
}

describe.skipIf(absence !== undefined)(
  `kernels compiled ahead of time${absence ? `, skipped: ${absence}` : ''}`,
  () => {
    it('run on the native CPU device where no compiler may be run, with the bits of the reference', async () => {
      const { kernels } = compiledOptions(compileAndDeploy(), blackScholes);
      await using silo = await startNativeSilo({ kernels: kernels!, native: { ...native, compiler: undefined } });
      expect(silo.warnings).toEqual([]);
      expect(silo.bridge.getInfo().refusals).toEqual([]);

      const n = 10_007;
      const column = (of: (i: number) => number): Float32Array => Float32Array.from({ length: n }, (_, i) => of(i));
      const price = column((i) => 20 + (i % 97));
      const strike = column((i) => 25 + (i % 83));
      const logRatio = column((i) => Math.log(price[i]! / strike[i]!));
      const args = { price, strike, logRatio, years: column((i) => 0.1 + (i % 13) / 7), rate: 0.02, volatility: 0.3 };
      const kernel = silo.bridge.getKernel(blackScholes);
      const resultsOn = async (preferredDevice: string) => {
        const launch = { globalSize: [n], sizes: { call: n, put: n } } as const;
        const handle = await kernel.submitGrid(args, launch, { preferredDevice });
        const batches = await readAll(kernel, handle);
        expect((await handle.result).deviceId).toBe(preferredDevice);
        return batches.map(({ columns }) => columns);
      };
      expect(await resultsOn('cpu-native:0')).toEqual(await resultsOn('cpu:0'));

      const mapped = readFileSync(`/proc/${silo.pid('cpu-native:0')}/maps`, 'utf8');
      expect(mapped).toContain(join(folder, 'deployed', silo.bridge.getInfo().kernels[0]!.id, 'kernel.linux-'));
    });

    it('fail the start where the system cannot load their shared object, and say which', async () => {
      const library = join(folder, 'kernel.so');
      writeFileSync(library, 'for another machine');
      const compiler = createKernelCompiler();
      const compile: KernelCompiler['compile'] = (definition, options) => {
        const kernel = compiler.compile(definition, options);
        return { ...kernel, artifacts: kernel.artifacts.map((a) => (a.target === 'cpp' ? { ...a, library } : a)) };
      };
      const starting = startNativeSilo(
        { kernels: [blackScholes], native },
        (container) => void container.rebind<KernelCompiler>(Tokens.KernelCompiler).toConstantValue({ compile }),
      );
      await expect(starting).rejects.toMatchObject({
        code: 'KERNEL_BUILD_FAILED',
        message: expect.stringContaining(library) as string,
      });
    });
  },
);
