import { CpuBackend } from '@gpu-bridge/compute-cpu';
import { createKernelCompiler } from '@gpu-bridge/kernels';
import {
  BACKEND_FAULTS,
  ReferenceBackend,
  backendCases,
  describeBackendConformance,
  faultyBackend,
  runBackendCase,
} from '@gpu-bridge/testkit';
import type { BackendFault, BackendSubject, ReferenceExecutor } from '@gpu-bridge/testkit';
import { describe, expect, it } from 'vitest';
import { crash } from '../support/silo.js';

const compiler = createKernelCompiler();

describeBackendConformance({
  name: 'the cpu backend',
  createBackend: () => new CpuBackend({ workers: 2, arenaMiB: 16, spinPolls: 1_000 }),
  compiler,
  provokeExit: ({ group }, device) => crash(device, group),
});

const inThread = { preemption: 'it runs in the thread of its caller' };

describeBackendConformance({
  name: 'the reference backend with compiled kernels',
  createBackend: () => new ReferenceBackend(),
  compiler,
  lacks: inThread,
  provokeExit: (executor) => (executor as ReferenceExecutor).exit('a test made it die'),
});

/**
 * What never comes is what these tests wait for. On a busy machine a fault may be found for want of time alone; that a
 * right backend passes is tested above, with the usual bound.
 */
const BOUND_MS = 400;

function faulty(fault: BackendFault): BackendSubject {
  const reference = new ReferenceBackend({ arenaBytes: 2 ** 20 });
  return {
    name: `a backend that ${BACKEND_FAULTS[fault]}`,
    createBackend: () => faultyBackend(reference, fault),
    compiler,
    lacks: inThread,
    provokeExit: ({ group }) => reference.opened.at(-1)!.executors[group]!.exit('a test made it die'),
    boundMs: BOUND_MS,
  };
}

describe('the conformance suite with compiled kernels', () => {
  for (const fault of Object.keys(BACKEND_FAULTS) as BackendFault[]) {
    it(`fails a backend that ${BACKEND_FAULTS[fault]}`, { timeout: 120_000 }, async () => {
      let found: unknown;
      for (const test of backendCases) {
        if (found !== undefined) break;
        await runBackendCase(test, faulty(fault)).catch((error: unknown) => (found = error));
      }
      expect(found).toBeInstanceOf(Error);
    });
  }
});
