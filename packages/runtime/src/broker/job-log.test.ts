import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startManualBridge } from '../testing/manual-bridge.js';

describe('what the log says about jobs', () => {
  it('has id and tenant of the jobs that ran when an executor died, and of those that fail', async () => {
    const { submit, settle, end, a, logger, clock } = await startManualBridge({ names: ['a'] });
    const about = (message: string) => logger.fields.filter((_, i) => logger.lines[i]!.endsWith(message));
    const hints = { preferredDevice: 'a:0', tenant: 'acme' };
    const running = await submit(3, { ...hints, maxMicroBatch: 1 });
    const late = await submit(4, { ...hints, deadlineNs: clock.nowNs() + 1_000_000n });
    a.executors[0]!.faultAtNextEntry('exit');
    await turn();
    a.step();
    await settle();
    const { jobId } = running;
    expect(about('a job was running when its executor died')).toMatchObject([
      { device: 'a:0', jobId, tenant: 'acme', kernel: running.kernelId, reason: 'a test made it die' },
    ]);
    clock.advanceMs(20); // before it runs
    expect((await end(late)).outcome).toBe('failed');
    expect(about('a job failed')).toMatchObject([
      { jobId: late.jobId, tenant: 'acme', error: { code: 'DEADLINE_EXCEEDED' } },
    ]);
    await end(running);
  });
});
