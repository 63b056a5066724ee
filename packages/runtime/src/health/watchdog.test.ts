import { GpuBridgeError, input, output, resolveOptions, u32 } from '@gpu-bridge/abstractions';
import type { Executor } from '@gpu-bridge/abstractions';
import { FakeClock } from '@gpu-bridge/testkit';
import { describe, expect, it } from 'vitest';
import { Batch } from '../broker/batch.js';
import { InFlightTable } from '../broker/in-flight-table.js';
import type { Job } from '../jobs/job.js';
import { ExecutorSlots } from '../kernel-host/executor-slots.js';
import { kernelOf, mapJob } from '../testing/fixture.js';
import { Watchdog } from './watchdog.js';

const kernel = kernelOf({ x: input(u32), y: output(u32) });

function setUp(hasHost = false) {
  const clock = new FakeClock();
  const held: boolean[] = [];
  const killed: string[] = [];
  const deadlines: number[] = [];
  let running = -1;
  let beats = 0;
  const host = { beats: 0, isStill: true };
  const ring = { isRunning: (position: number) => position === running, heartbeat: () => beats };
  const hostHeartbeat = (): number => (host.isStill ? host.beats : ++host.beats);
  const withHost = hasHost ? { hostHeartbeat } : {};
  const hold = (keep: boolean): number => held.push(keep);
  const executor = { ring, generation: 1, hold, ...withHost } as unknown as Executor;
  const slots = new ExecutorSlots(executor);
  slots.state = 'running';
  const table = new InFlightTable();
  const device = { isIdle: false, reap: (): void => undefined };
  const { health } = resolveOptions({ health: { slotBudgetMs: 100, checkIntervalMs: 10, heartbeatTimeoutMs: 2_000 } });
  const watchdog = new Watchdog(clock, health, {
    executors: [slots],
    reap: () => device.reap(),
    kill: (_, reason, blame) => void killed.push(blame === 'named' ? reason : `${reason} (${blame})`),
    checkDeadlines: (nowMs) => deadlines.push(nowMs),
    isIdle: () => device.isIdle,
  });
  const submit = (position: number, jobs: Job[] = [mapJob(kernel, { x: new Uint32Array(1) })]) => {
    const entry = table.acquire();
    Object.assign(entry, { batch: new Batch(jobs, 1, () => false), itemCount: jobs.length, position });
    slots.outstanding.push(entry);
    watchdog.wake();
    return { entry, jobs };
  };
  const run = (at: number): number => (running = at);
  const beat = (): number => ++beats;
  return { clock, held, killed, deadlines, slots, device, watchdog, submit, run, beat, host };
}

describe('Watchdog', () => {
  it('kills an executor whose slot runs beyond its budget, counted from when it was first seen to run', () => {
    const { clock, killed, submit, run } = setUp();
    submit(0);
    clock.advanceMs(500); // it waits, and its time has not begun
    expect(killed).toEqual([]);
    run(0);
    clock.advanceMs(110);
    expect(killed).toEqual([]);
    clock.advanceMs(10);
    expect(killed).toHaveLength(1);
    expect(killed[0]).toMatch(/a slot ran for 110 ms, its budget is 100 ms/);
  });

  it('kills an executor that takes nothing from its ring', () => {
    const { clock, killed, submit } = setUp();
    submit(0);
    clock.advanceMs(9_990);
    expect(killed).toEqual([]);
    clock.advanceMs(100);
    expect(killed[0]).toMatch(/took nothing from its ring/);
  });

  it('begins anew with every slot', () => {
    const { clock, killed, slots, submit, run } = setUp();
    submit(0);
    submit(1);
    run(0);
    clock.advanceMs(90);
    slots.outstanding.shift();
    run(1);
    clock.advanceMs(100);
    expect(killed).toEqual([]);
    clock.advanceMs(30);
    expect(killed.length).toBeGreaterThan(0);
  });

  it('takes completions first, so that nothing finished is taken for stuck', () => {
    const { clock, killed, device, slots, submit, run } = setUp();
    submit(0);
    run(0);
    clock.advanceMs(100);
    device.reap = () => void slots.outstanding.splice(0);
    clock.advanceMs(50);
    expect(killed).toEqual([]);
  });

  it('kills what runs only for jobs whose deadline has passed', () => {
    const { clock, killed, submit, run } = setUp();
    const pair = [1, 2].map(() => mapJob(kernel, { x: new Uint32Array(1) }));
    submit(0, pair);
    run(0);
    const late = (job: Job): GpuBridgeError =>
      new GpuBridgeError('DEADLINE_EXCEEDED', { what: `job ${job.jobId}`, jobId: job.jobId, deadlineNs: 1n }, 'late');
    pair[0]!.end('failed', late(pair[0]!));
    clock.advanceMs(20);
    expect(killed).toEqual([]);
    pair[1]!.end('failed', late(pair[1]!));
    clock.advanceMs(10);
    expect(killed).toEqual(['a slot runs on after its deadline']);
  });

  it('kills what shares a host that stands still while it has work, whatever runs there', () => {
    const { clock, killed, slots, host, submit } = setUp(true);
    host.isStill = false;
    submit(0);
    clock.advanceMs(3_000);
    expect(killed).toEqual([]);
    host.isStill = true;
    clock.advanceMs(1_990);
    expect(killed).toEqual([]);
    clock.advanceMs(30);
    expect(killed[0]).toBe('its host stood still for 2000 ms (all)');
    killed.length = 0;
    slots.outstanding.length = 0; // without work it may do as it likes
    clock.advanceMs(5_000);
    expect(killed).toEqual([]);
    submit(1);
    clock.advanceMs(1_500); // and begins anew
    expect(killed).toEqual([]);
  });

  it('does not hold a pause of this process against the host', () => {
    const { clock, killed, host, submit } = setUp(true);
    submit(0);
    clock.advanceMs(20);
    const until = clock.nowMs() + 8_000;
    clock.nowMs = () => until; // no timer ran meanwhile
    host.isStill = false;
    clock.advanceMs(30);
    expect(killed).toEqual([]);
  });

  it('tells how long a kernel that has a heartbeat showed none', () => {
    const { clock, slots, submit, beat } = setUp();
    submit(0);
    clock.advanceMs(50);
    expect(slots.describe().heartbeatAgeMs).toBeUndefined();
    beat();
    clock.advanceMs(10);
    expect(slots.describe().heartbeatAgeMs).toBe(0);
    clock.advanceMs(40);
    expect(slots.describe().heartbeatAgeMs).toBe(40);
  });

  it('leaves executors alone that do not run', () => {
    const { clock, killed, slots, submit, run } = setUp();
    submit(0);
    run(0);
    slots.state = 'dying';
    clock.advanceMs(1_000);
    expect(killed).toEqual([]);
  });

  it('holds the process while there is work, stops ticking when idle, and starts again', () => {
    const { clock, held, deadlines, device, watchdog } = setUp();
    expect(clock.pending).toBe(0);
    watchdog.wake();
    watchdog.wake();
    expect([clock.pending, held]).toEqual([1, [true]]);
    clock.advanceMs(35);
    expect(deadlines).toEqual([10, 20, 30]);
    device.isIdle = true;
    clock.advanceMs(1_000);
    expect([deadlines.length, clock.pending, held]).toEqual([4, 0, [true, false]]);
    device.isIdle = false;
    watchdog.wake();
    expect([clock.pending, held]).toEqual([1, [true, false, true]]);
    watchdog.stop();
    expect([clock.pending, held]).toEqual([0, [true, false, true, false]]);
  });
});
