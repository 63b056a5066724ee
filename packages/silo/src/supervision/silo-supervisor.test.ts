import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import { ClusterFixture } from '../testing/cluster-fixture.js';
import { SiloSupervisor } from './silo-supervisor.js';

async function supervised() {
  const fixture = new ClusterFixture();
  const a = await fixture.join('a');
  const b = await fixture.join('b');
  const port = await fixture.port('supervisor');
  const { clock, logger } = fixture;
  return { fixture, a, b, supervisor: new SiloSupervisor({ port, clock, logger }) };
}

describe('SiloSupervisor', () => {
  test('lets a silo be taken over as soon as it has exited', async () => {
    const { fixture, a, b, supervisor } = await supervised();
    const grain = { type: 'test', key: 'k' };
    await (await b.directory()).claim(grain);
    b.freeze();
    const nowMs = fixture.clock.nowMs();
    expect(await supervisor.reportExit(b.address)).toBe(true);
    await fixture.settle();
    expect(a.deaths).toEqual([b.address]);
    expect((await (await a.directory()).claim(grain)).owner).toBe(a.address);
    expect(fixture.clock.nowMs()).toBe(nowMs);
  });

  test('reports a child that is killed', async () => {
    const { a, b, supervisor } = await supervised();
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    try {
      await once(child, 'spawn');
      supervisor.watch(child, () => b.address);
      b.freeze();
      expect(a.deaths).toEqual([]);
      child.kill('SIGKILL');
      await vi.waitFor(() => expect(a.deaths).toEqual([b.address]), 60_000);
    } finally {
      child.kill('SIGKILL');
    }
  });

  test('reports a child that had exited before it was watched', async () => {
    const { a, b, supervisor } = await supervised();
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    b.freeze();
    supervisor.watch(child, () => b.address);
    await vi.waitFor(() => expect(a.deaths).toEqual([b.address]), 60_000);
  });

  test('reports nothing of a child that never told its address, or is watched no longer', async () => {
    const { fixture, a, b, supervisor } = await supervised();
    const child = spawn(process.execPath, ['-e', '']);
    supervisor.watch(child, () => undefined);
    supervisor.watch(child, () => b.address)[Symbol.dispose]();
    await once(child, 'exit');
    await fixture.settle();
    expect(a.deaths).toEqual([]);
  });

  test('wins against the last beats of the dead, which arrive late', async () => {
    const { fixture, a, b, supervisor } = await supervised();
    const late = fixture.network.delayRequests('b', /^update members/);
    await fixture.run(1_500); // its beat is on its way
    b.freeze();
    // The row changes between the supervisor's look and its write.
    let first = true;
    const race = fixture.network.add((hop) => {
      if (first && hop.kind === 'request' && hop.from === 'supervisor' && hop.what.startsWith('update')) {
        first = false;
        late[Symbol.dispose]();
      }
      return 'pass';
    });
    await fixture.while(supervisor.reportExit(b.address));
    race[Symbol.dispose]();
    await fixture.settle();
    expect(a.deaths).toEqual([b.address]);
  });

  test('tries again while the engine is away', async () => {
    const { fixture, a, b, supervisor } = await supervised();
    b.freeze();
    const outage = fixture.network.engineGone();
    const reported = supervisor.reportExit(b.address);
    await fixture.run(6_000);
    outage[Symbol.dispose]();
    await fixture.run(2_500);
    expect(await reported).toBe(true);
    expect(a.deaths).toEqual([b.address]);
  });

  test('gives up when the lease has run out anyway', async () => {
    const { fixture, b, supervisor } = await supervised();
    fixture.network.engineGone();
    const startMs = fixture.clock.nowMs();
    expect(await fixture.while(supervisor.reportExit(b.address))).toBe(false);
    expect(fixture.clock.nowMs() - startMs).toBeLessThan(17_000);
    expect(fixture.clock.nowMs() - startMs).toBeGreaterThan(13_000);
  });

  test('needs no row: a silo that left, or whose lease ran out, is dead as well', async () => {
    const { fixture, a, b, supervisor } = await supervised();
    await b.membership.leave();
    expect(await supervisor.reportExit(b.address)).toBe(true);
    await fixture.run(20_000);
    expect(await supervisor.reportExit(b.address)).toBe(true);
    await fixture.settle();
    expect(a.deaths).toEqual([b.address]);
  });
});
