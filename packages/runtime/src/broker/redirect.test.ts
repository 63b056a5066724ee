import { u32 } from '@gpu-bridge/abstractions';
import type { ColumnBatch } from '@gpu-bridge/abstractions';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startManualBridge as start } from '../testing/manual-bridge.js';

type Batches = AsyncIterator<ColumnBatch<Record<string, unknown>>>;

const counting = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i + 1);

async function columnOf(batches: Batches): Promise<number[]> {
  const { value } = (await batches.next()) as { value: ColumnBatch<Record<string, unknown>> };
  return [...(value.columns['y'] as Uint32Array)];
}

async function all(batches: Batches): Promise<number[]> {
  const items: number[] = [];
  for (let next = await batches.next(); next.done !== true; next = await batches.next())
    items.push(...(next.value.columns['y'] as Uint32Array));
  return items;
}

describe('jobs of a device that is quarantined', () => {
  it('go on elsewhere, whether they ran, were staged or waited: same job, same handle, not refused', async () => {
    const { submit, quarantine, end, read, info, a, logger } = await start({
      broker: { slotsInFlight: 1, queueLimit: 8 },
      tenants: { defaults: { queueLimit: 4 } },
    });
    // A full queue over there does not matter to those that were admitted here.
    const there = await Promise.all(Array.from({ length: 5 }, () => submit(300, { preferredDevice: 'b:0' })));
    const here = await Promise.all([
      submit(2_000, { preferredDevice: 'a:0', maxMicroBatch: 500 }),
      submit(3),
      submit(4),
      submit(700),
    ]);
    await turn();
    expect(a.step()).toBe(true);
    const ids = here.map(({ jobId }) => jobId);
    await quarantine(a);
    expect(info(0)).toMatchObject({ health: 'quarantined', counters: { redirected: 4, failed: 0 } });
    for (const handle of [...here, ...there])
      expect(await end(handle)).toMatchObject({ outcome: 'completed', deviceId: 'b:0' });
    expect(await Promise.all(here.map(async ({ result }) => (await result).jobId))).toEqual(ids);
    const results = await Promise.all(here.map(({ result }) => result));
    expect(results.map(({ fallback }) => fallback)).toEqual([true, true, true, true]);
    expect(results[0]!.attempts).toBeGreaterThan(1);
    expect(results[3]!.attempts).toBe(1); // it had not begun
    for (const [i, items] of [2_000, 3, 4, 700].entries())
      expect(await all(read(here[i]!))).toEqual(counting(0, items));
    for (const handle of there) handle.dispose();
    expect([info(0), info(1)].map(({ arena }) => arena.usedBytes)).toEqual([0, 0]);
    expect(info(0).counters).toMatchObject({ submitted: 4, completed: 0, redirected: 4 });
    expect(info(1).counters).toMatchObject({ submitted: 9, completed: 9, redirected: 0 });
    expect(logger.lines).toContain('warn: a quarantined device handed over its jobs');
  });

  it.each(['copy', 'borrow'] as const)(
    'goes on under a reader in the middle, with the next item (%s)',
    async (mode) => {
      const { submit, quarantine, end, read, info, a, clock } = await start();
      const handle = await submit(1_000, { preferredDevice: 'a:0', maxMicroBatch: 250 });
      const batches = read(handle, mode);
      const first = columnOf(batches);
      for (let i = 0; i < 2; i++) {
        await turn();
        a.step();
        clock.advanceMs(10);
      }
      const taken = await first;
      expect(taken.length).toBeGreaterThan(0);
      expect(taken.length).toBeLessThan(1_000);
      await quarantine(a);
      expect(info(0).arena.usedBytes > 0).toBe(mode === 'borrow'); // what was lent stays until the reader comes back
      const rest = all(batches);
      expect((await end(handle)).outcome).toBe('completed');
      expect([...taken, ...(await rest)]).toEqual(counting(0, 1_000));
      expect([info(0), info(1)].map(({ arena }) => arena.usedBytes)).toEqual([0, 0]);
    },
  );

  it('keeps an allocation of the device that was left until the job has ended elsewhere', async () => {
    const { bridge, kernel, quarantine, end, read, a } = await start();
    const allocation = bridge.allocate<Uint32Array>(u32, 5, { device: 'a:0' });
    allocation.data.set([5, 6, 7, 8, 9]);
    const handle = await kernel.submitBatch({ x: allocation.data }, { preferredDevice: 'a:0' });
    await quarantine(a);
    expect(() => allocation.dispose()).toThrow(/read by 1 jobs/);
    expect(await end(handle)).toMatchObject({ outcome: 'completed', deviceId: 'b:0' });
    expect(await all(read(handle))).toEqual([6, 7, 8, 9, 10]);
    allocation.dispose();
  });

  it('keeps an allocation that is read on another device from the start', async () => {
    const { bridge, kernel, end, read } = await start();
    const allocation = bridge.allocate<Uint32Array>(u32, 2, { device: 'a:0' });
    const handles = [await kernel.submitBatch({ x: allocation.data }, { preferredDevice: 'b:0' })];
    handles.push(await kernel.submitBatch({ x: allocation.data }, { preferredDevice: 'b:0' })); // they share a slot
    expect(() => allocation.dispose()).toThrow(/read by 2 jobs/);
    for (const handle of handles) expect(await end(handle)).toMatchObject({ outcome: 'completed', deviceId: 'b:0' });
    allocation.dispose();
    expect(await all(read(handles[1]!))).toEqual([1, 1]);
  });

  it('can be cancelled, and meet their deadlines, where they are', async () => {
    const { submit, quarantine, a, clock, info } = await start();
    const deadlineNs = clock.nowNs() + 50_000_000n;
    const late = await submit(10, { preferredDevice: 'a:0', deadlineNs });
    const unwanted = await submit(10);
    await quarantine(a);
    unwanted.cancel();
    clock.advanceMs(80);
    expect(await unwanted.result).toMatchObject({ outcome: 'cancelled', deviceId: 'b:0' });
    expect((await late.result).error).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(info(1).counters).toMatchObject({ cancelled: 1, failed: 1 });
  });

  it('runs a suspect alone there too, and counts the deaths of both', async () => {
    const { submit, settle, a, b, end, info } = await start();
    const culprit = await submit(2);
    const bystander = await submit(2);
    for (let i = 0; i < 2; i++) {
      await turn();
      a.executors[0]!.faultAtNextEntry('exit');
      a.step();
      await settle();
    }
    expect(info(0).health).toBe('quarantined');
    await settle();
    expect(info(1).executors[0]!.outstanding).toBe(1);
    b.executors[0]!.faultAtNextEntry('exit');
    b.step();
    await settle();
    const ends = [await end(culprit), await end(bystander)];
    expect(ends.map(({ error }) => error?.code)).toEqual(['JOB_POISONED', undefined]);
    expect(ends[1]).toMatchObject({ outcome: 'completed', deviceId: 'b:0' });
  });

  it('are lost when there is no other device, which takes jobs again once it is back', async () => {
    const { submit, quarantine, settle, end, clock, a, info } = await start({ names: ['a'] });
    const lost = [await submit(1_000), await submit(5)];
    await quarantine(a);
    for (const { result } of lost) expect((await result).error).toMatchObject({ code: 'DEVICE_LOST' });
    await expect(submit(1)).rejects.toMatchObject({ code: 'DEVICE_LOST' });
    expect(info(0)).toMatchObject({ counters: { redirected: 0, failed: 2 }, arena: { usedBytes: 0 } });
    await clock.runFor(5_000_000_000n);
    await settle();
    expect(info(0).health).toBe('healthy');
    expect(await end(await submit(1))).toMatchObject({ outcome: 'completed', attempts: 1 });
  });

  it('go back when the other device fails after the first has returned', async () => {
    const { submit, quarantine, settle, end, read, clock, a, b, info } = await start();
    const handle = await submit(1_000);
    await quarantine(a);
    expect(info(1).pressure.utilisation + info(1).pressure.queuedJobs).toBeGreaterThan(0);
    await clock.runFor(5_000_000_000n);
    await settle();
    await quarantine(b);
    expect(await end(handle)).toMatchObject({ outcome: 'completed', deviceId: 'a:0' });
    expect(await all(read(handle))).toEqual(counting(0, 1_000));
    expect([info(0), info(1)].map(({ arena, counters }) => [arena.usedBytes, counters.redirected])).toEqual([
      [0, 1],
      [0, 1],
    ]);
  });

  it('are finished by a stop, on a device that had drained already', async () => {
    const { bridge, submit, settle, a, b, clock } = await start();
    const handle = await submit(1_000);
    let isStopped = false;
    const stopping = bridge.stop().then(() => (isStopped = true));
    await settle(); // b has nothing to drain
    for (let i = 0; i < 2; i++) {
      a.executors[0]!.exit('boom');
      await settle();
    }
    expect([isStopped, handle.state === 'completed']).toEqual([false, false]);
    for (let i = 0; i < 500 && !isStopped; i++) {
      b.step();
      await turn();
      clock.advanceMs(1);
    }
    await stopping;
    expect(await handle.result).toMatchObject({ outcome: 'completed', deviceId: 'b:0' });
  });
});

describe('new jobs', () => {
  it('go to another device while the one they name is quarantined, and say so', async () => {
    const { submit, quarantine, end, a, info } = await start();
    await quarantine(a);
    expect(await end(await submit(3))).toMatchObject({ outcome: 'completed', deviceId: 'b:0', fallback: true });
    expect(await end(await submit(3, {}))).toMatchObject({ deviceId: 'b:0', fallback: false });
    expect(info(1).counters.fallbacks).toBe(1);
  });
});
