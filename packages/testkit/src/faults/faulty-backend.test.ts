import { describe, expect, it } from 'vitest';
import { BodyCompiler } from '../compiler/body-compiler.js';
import { backendCases } from '../conformance/backend-conformance.js';
import { runBackendCase } from '../conformance/backend-case.js';
import { ReferenceBackend } from '../reference/reference-backend.js';
import { BACKEND_FAULTS } from './backend-fault.js';
import { faultyBackend } from './faulty-backend.js';
import type { BackendSubject } from '../conformance/backend-case.js';
import type { BackendFault } from './backend-fault.js';

const compiler = new BodyCompiler();

function subject(fault: BackendFault): BackendSubject {
  const reference = new ReferenceBackend({ arenaBytes: 2 ** 20 });
  return {
    name: `the reference with ${fault}`,
    createBackend: () => faultyBackend(reference, fault),
    compiler,
    lacks: { preemption: 'it runs in the thread of its caller' },
    provokeExit: ({ group }) => reference.opened.at(-1)!.executors[group]!.exit('a test made it die'),
    boundMs: 250, // what never comes is what these tests wait for
  };
}

describe('the backend suite', () => {
  for (const [fault, description] of Object.entries(BACKEND_FAULTS) as [BackendFault, string][]) {
    it(`fails a backend that ${description}`, async () => {
      const failures: string[] = [];
      for (const test of backendCases) {
        await runBackendCase(test, subject(fault)).catch((error: unknown) =>
          failures.push(`${test.name}: ${String(error)}`),
        );
        if (failures.length > 0) break;
      }
      expect(failures).toHaveLength(1);
      if (process.env['SHOW_FAILURES'] !== undefined) console.log(fault, '→', failures[0]);
    }, 60_000);
  }
});
