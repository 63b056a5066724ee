import { CLUSTER_PORT_FAULTS, clusterPortCases, describeClusterPortContract } from '@gpu-bridge/testkit';
import { faultyClusterSubject, runClusterPortCase } from '@gpu-bridge/testkit';
import type { ClusterPortFault } from '@gpu-bridge/testkit';
import { describe, it } from 'vitest';
import { inProcess, inProcessWithDelays, inProcessWithFiles } from '../support/in-process-cluster.js';

describeClusterPortContract(inProcess);
describeClusterPortContract(inProcessWithFiles);
describeClusterPortContract(inProcessWithDelays);

/** What never comes is what these tests wait for; that a right port passes is tested above, with the usual bound. */
const boundMs = 400;

describe('the contract suite of cluster ports', () => {
  for (const [fault, description] of Object.entries(CLUSTER_PORT_FAULTS) as [ClusterPortFault, string][]) {
    it.concurrent(`fails a port that ${description}`, async ({ expect }) => {
      const forgets = fault === 'rows-forgotten' || fault === 'streams-forgotten';
      const right = forgets ? inProcessWithFiles : { ...inProcess, boundMs };
      const subject = faultyClusterSubject(right, fault);
      const found: string[] = [];
      for (const test of clusterPortCases) {
        if (found.length > 0) break;
        await runClusterPortCase(test, subject).catch((error: unknown) => found.push(`${test.name}: ${String(error)}`));
      }
      if (process.env['SHOW_FAILURES'] !== undefined) console.log(fault, '→', found[0]);
      expect(found).toHaveLength(1);
    });
  }
});
