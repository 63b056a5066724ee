import { afterAll, describe, it } from 'vitest';
import { CASE_BOUNDS, runClusterPortCase } from './cluster-port-case.js';
import type { ClusterPortCase, ClusterPortSubject } from './cluster-port-case.js';
import { closeCases } from './cases/close-cases.js';
import { connectionCases } from './cases/connection-cases.js';
import { consumerCases } from './cases/consumer-cases.js';
import { messageCases } from './cases/message-cases.js';
import { restartCases } from './cases/restart-cases.js';
import { streamCases } from './cases/stream-cases.js';
import { tableCases } from './cases/table-cases.js';
import { watchCases } from './cases/watch-cases.js';

/** What every cluster port must do, one sentence each. */
export const clusterPortCases: readonly ClusterPortCase[] = [
  ...tableCases,
  ...watchCases,
  ...messageCases,
  ...streamCases,
  ...consumerCases,
  ...closeCases,
  ...connectionCases,
  ...restartCases,
];

/**
 * The suite every cluster port passes, as vitest tests. What the subject declares that its engine cannot show is skipped
 * with the reason, and the number of such cases is printed, so that it cannot grow unseen.
 */
export function describeClusterPortContract(subject: ClusterPortSubject): void {
  describe(`${subject.name} as a cluster port`, () => {
    const unsupported: string[] = [];
    // Above the bound of a case, so that its message is what a hanging case shows.
    const timeout = (CASE_BOUNDS + 1) * (subject.boundMs ?? 30_000);
    for (const test of clusterPortCases) {
      // Every case has a cluster of its own, and mostly waits.
      it.concurrent(test.name, { timeout }, async ({ skip }) => {
        const result = await runClusterPortCase(test, subject);
        if (result.outcome === 'pass') return;
        unsupported.push(`${test.name} (${result.reason})`);
        skip(`unsupported: ${result.reason}`);
      });
    }
    afterAll(() => {
      const list = unsupported.map((line) => `\n  unsupported: ${line}`).join('');
      console.log(`${subject.name}: ${unsupported.length} of ${clusterPortCases.length} port cases unsupported${list}`);
    });
  });
}
