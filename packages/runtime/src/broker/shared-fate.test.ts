import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startManualBridge } from '../testing/manual-bridge.js';

/** A device of two executors in one process. */
const start = () =>
  startManualBridge({ names: ['a'], device: { executors: 2, faultDomain: 'device' }, broker: { slotsInFlight: 1 } });
type Started = Awaited<ReturnType<typeof start>>;

/** Both executors hang; the watchdog kills one, and the other ends with it. */
async function hangBoth({ a, clock, settle }: Started): Promise<void> {
  await turn();
  for (const executor of a.executors) {
    executor.faultAtNextEntry('hang');
    executor.step();
  }
  clock.advanceMs(80);
  await settle();
  expect(a.executors.map(({ generation }) => generation)).toEqual([2, 2]);
}

const inRings = ({ info }: Started): number[] => info(0).executors.map(({ outstanding }) => outstanding);

describe('executors that end together', () => {
  it('leave one suspect, which has all of the device to itself, and bystanders that are suspected of nothing', async () => {
    const started = await start();
    const { submit, a, clock, settle, end } = started;
    const [named, bystander] = [await submit(250, { maxMicroBatch: 250 }), await submit(200, { maxMicroBatch: 200 })];
    await hangBoth(started);
    expect(inRings(started)).toEqual([1, 0]); // the suspect, and nothing beside it
    a.runUntilIdle();
    clock.advanceMs(20);
    await settle();
    expect(named.state).toBe('completed');
    const another = await submit(200, { maxMicroBatch: 199 });
    await turn();
    expect(inRings(started)).toEqual([1, 1]); // the bystander goes with others again
    for (const handle of [named, bystander])
      expect(await end(handle)).toMatchObject({ outcome: 'completed', attempts: 2 });
    expect(await end(another)).toMatchObject({ attempts: 1 });
  });

  it('suspect all that ran when the process dies by itself, and count one death', async () => {
    const started = await start();
    const { submit, a, clock, settle, end, info } = started;
    const handles = [await submit(250, { maxMicroBatch: 250 }), await submit(200, { maxMicroBatch: 200 })];
    await turn();
    a.executors[0]!.faultAtNextEntry('hang');
    a.executors[0]!.step();
    a.executors[1]!.faultAtNextEntry('exit');
    a.executors[1]!.step();
    await settle();
    expect(info(0)).toMatchObject({ health: 'healthy', counters: { deaths: 2 } }); // two would be one too many
    for (let i = 0; i < 2; i++) {
      expect(inRings(started).reduce((sum, n) => sum + n)).toBe(1); // one after the other
      a.runUntilIdle();
      clock.advanceMs(20);
      await settle();
    }
    for (const handle of handles) expect(await end(handle)).toMatchObject({ outcome: 'completed', attempts: 2 });
  });

  it('begin a batch that changes an array anew once, however many of its slots were cut off', async () => {
    const started = await start();
    const { bridge, end, clock } = started;
    const kernel = bridge.getKernel('triple');
    const cells = Uint32Array.from({ length: 400 }, (_, i) => i);
    const handle = await kernel.submitGrid({ cells }, { globalSize: [400] }, { maxMicroBatch: 100 });
    await turn();
    expect(started.a.executors[0]!.step()).toBe(true);
    clock.advanceMs(20);
    await hangBoth(started);
    expect(await end(handle)).toMatchObject({ outcome: 'completed', attempts: 2 });
    for await (const { columns } of kernel.readResults(handle as never))
      expect([...(columns['cells'] as Uint32Array)]).toEqual([...cells].map((v) => v * 3));
  });

  it('are killed when their host stands still, and what hung there is found by itself', async () => {
    const started = await start();
    const { submit, a, clock, settle, end } = started;
    const handle = await submit(10);
    await turn();
    a.isFrozen = true;
    clock.advanceMs(4_000);
    await settle();
    expect(a.executors[0]!.generation).toBe(1);
    clock.advanceMs(2_000);
    await settle();
    expect(a.executors.map(({ generation }) => generation)).toEqual([2, 2]);
    expect(await end(handle)).toMatchObject({ outcome: 'completed', attempts: 1 }); // it had not begun
  });
});
