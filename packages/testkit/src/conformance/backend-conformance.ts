import { afterAll, describe, it } from 'vitest';
import { runBackendCase } from './backend-case.js';
import { containmentCases } from './cases/containment-cases.js';
import { deviceCases } from './cases/device-cases.js';
import { lifecycleCases } from './cases/lifecycle-cases.js';
import { resultCases } from './cases/result-cases.js';
import { ringCases } from './cases/ring-cases.js';
import type { BackendCase, BackendSubject } from './backend-case.js';

/** What every backend must do, one sentence each. */
export const backendCases: readonly BackendCase[] = [
  ...deviceCases,
  ...resultCases,
  ...ringCases,
  ...containmentCases,
  ...lifecycleCases,
];

/**
 * The suite every backend passes, as vitest tests. What the backend declares that it cannot do is skipped with the
 * reason, and the number of such cases is printed, so that it cannot grow unseen.
 */
export function describeBackendConformance(subject: BackendSubject): void {
  describe(`${subject.name} as a compute backend`, () => {
    const unsupported: string[] = [];
    // Above the driver's own bound, so that its message is what a hanging case shows.
    const timeout = 4 * (subject.boundMs ?? 30_000);
    for (const test of backendCases) {
      it(test.name, { timeout }, async ({ skip }) => {
        const result = await runBackendCase(test, subject);
        if (result.outcome === 'pass') return;
        unsupported.push(`${test.name} (${result.reason})`);
        skip(`unsupported: ${result.reason}`);
      });
    }
    afterAll(() => {
      const list = unsupported.map((line) => `\n  unsupported: ${line}`).join('');
      console.log(
        `${subject.name}: ${unsupported.length} of ${backendCases.length} conformance cases unsupported${list}`,
      );
    });
  });
}
