import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NativeOptions } from '@gpu-bridge/abstractions';
import { describeBackendConformance } from '@gpu-bridge/testkit';
import { afterAll, describe, it } from 'vitest';
import { absenceOf, compilerFor, nativeBackend } from '../support/native.js';

// One for the whole file, so that each kernel is compiled once for all cases.
const cacheFolder = mkdtempSync(join(tmpdir(), 'gpu-bridge-native-'));
afterAll(() => rmSync(cacheFolder, { recursive: true, force: true }));

const device = { executors: 2, arenaMiB: 16 };
const subjects: readonly (NativeOptions & { readonly name: string; readonly seals: boolean })[] = [
  { name: 'the native cpu backend', cpu: device, seals: false },
  { name: 'the OpenCL backend', opencl: device, seals: true },
  {
    name: 'the OpenCL backend in short leases',
    opencl: { ...device, executionMode: 'leased', leaseEntries: 3 },
    seals: true,
  },
  { name: 'the OpenCL backend that launches', opencl: { ...device, executionMode: 'launched' }, seals: false },
  { name: 'the OpenCL backend without coherent memory', opencl: { ...device, hostCoherent: false }, seals: false },
];

for (const { name, seals, ...options } of subjects) {
  const absence = await absenceOf(options);
  if (absence === undefined) {
    // One for all cases: it keeps nothing but the answer of a probe, which takes as long as many a case.
    const backend = nativeBackend({ ...options, cacheFolder });
    describeBackendConformance({
      name,
      createBackend: () => backend,
      compiler: compilerFor(options.cpu === undefined ? 'opencl' : 'cpp'),
      seals,
      // Sealed OpenCL kernels run in resident loops, launched ones are timed by the host.
      ...(seals && { lacks: { clock: 'OpenCL C has none' } }),
      provokeExit: (_executor, opened) => void process.kill(opened.telemetry!().hostPid!, 'SIGKILL'),
    });
  } else {
    describe(`${name} as a compute backend`, () => {
      if (process.env['CI'] === 'true') it('is here', () => Promise.reject(new Error(absence)));
      else it.skip(`skipped: ${absence}`);
    });
  }
}
