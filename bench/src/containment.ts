import { input, mapKernel, output, u32 } from '@gpu-bridge/kernels';
import { median } from './report.js';
import type { Benchmark } from './report.js';
import { withSilo } from './silo.js';

const ROUNDS = 25;
const DEADLINE_MS = 60;
const FOREVER = 0xffffffff;

const spin = mapKernel('bench-spin', { params: { rounds: input(u32), y: output(u32) } }, (k, { rounds, y }) => {
  let h = rounds;
  for (let i = k.u32(0); i < rounds || rounds === 0xffffffff; i++) h = h * 1664525 + 1013904223;
  y.value = k.select(h === 0, k.u32(1), rounds);
});

/**
 * A kernel spins on the only worker past its job's deadline while another job waits behind it. Measured from the
 * deadline to the typed failure, and to the other job's result, for which the worker had to be killed and replaced.
 */
export const containment: Benchmark = {
  name: 'containment',
  describe: 'a spinning kernel is killed after its deadline and its worker replaced',
  run: (note) =>
    withSilo({ kernels: [spin], cpu: { workers: 1 } }, async (bridge) => {
      const kernel = bridge.getKernel(spin);
      const failed: number[] = [];
      const replaced: number[] = [];
      note(`${ROUNDS} rounds, deadline ${DEADLINE_MS} ms, one worker`);
      for (let round = 0; round < ROUNDS; round++) {
        const deadlineMs = performance.now() + DEADLINE_MS;
        const deadlineNs = BigInt(Math.round(deadlineMs * 1e6));
        const offender = await kernel.submitBatch({ rounds: Uint32Array.of(FOREVER) }, { deadlineNs });
        const behind = await kernel.submitBatch({ rounds: Uint32Array.of(10 + round) }, { tenant: 'other' });
        const { error } = await offender.result;
        if (error?.code !== 'DEADLINE_EXCEEDED')
          throw new Error(`expected DEADLINE_EXCEEDED, got ${error?.code ?? 'no error'}`);
        failed.push(performance.now() - deadlineMs);
        for await (const { columns } of kernel.readResults(behind)) {
          if (columns.y[0] !== 10 + round) throw new Error('the job behind the offender came out wrong');
        }
        replaced.push(performance.now() - deadlineMs);
      }
      return [median('containment.kill_p50_ms', 'ms', replaced), median('containment.failed_p50_ms', 'ms', failed)];
    }),
};
