/** The health grain over three silos of one process, on a clock that the test moves. */
import { setImmediate as turn } from 'node:timers/promises';
import { Tokens } from '@gpu-bridge/abstractions';
import type { Clock, GrainFactory, Logger } from '@gpu-bridge/abstractions';
import { getHealthGrain } from '@gpu-bridge/grains';
import type { ClusterHealth } from '@gpu-bridge/grains';
import { addGpuBridge } from '@gpu-bridge/hosting';
import type { GpuBridgeHost } from '@gpu-bridge/hosting';
import { InProcessCluster } from '@gpu-bridge/silo';
import type { Hop, InProcessPort, Network, Passage } from '@gpu-bridge/silo';
import { FakeClock, ReferenceBackend } from '@gpu-bridge/testkit';
import { Container } from 'inversify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ignore = (): void => undefined;
const logger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
const LEASE_MS = 15_000;

/** Loses everything from and to the ports that are cut off; nobody is told. */
class CuttingNetwork implements Network {
  readonly cut = new Set<string>();

  transmit({ from, to }: Hop, passage: Passage): void {
    if (this.cut.has(from) || this.cut.has(to)) passage.lose();
    else passage.arrive();
  }
}

const clock = new FakeClock();
const network = new CuttingNetwork();
const cluster = new InProcessCluster({ clock, logger, network, storage: 'memory' });
const hosts: GpuBridgeHost[] = [];
const ports = new Map<string, InProcessPort>();
let factory: GrainFactory;

async function startSilo(siloId: string): Promise<Container> {
  const container = new Container();
  const host = addGpuBridge(container, { cpu: false, silo: { siloId } });
  const port = cluster.port(siloId);
  container.rebind<Logger>(Tokens.Logger).toConstantValue(logger);
  container.rebind<Clock>(Tokens.Clock).toConstantValue(clock);
  container.bind(Tokens.ClusterPort).toConstantValue(port);
  container.bind(Tokens.ComputeBackend).toConstantValue(new ReferenceBackend({ name: 'ref', executors: 1, clock }));
  await until(host.start());
  hosts.push(host);
  ports.set(siloId, port);
  return container;
}

async function run(ms: number): Promise<void> {
  await clock.runFor(BigInt(ms) * 1_000_000n);
  for (let i = 0; i < 10; i++) await turn();
}

async function until<T>(promise: Promise<T>): Promise<T> {
  let done = false;
  const end = (): void => void (done = true);
  promise.then(end, end);
  for (let i = 0; !done && i < 10_000; i++) await run(5);
  return promise;
}

const ask = (timeoutMs?: number): Promise<ClusterHealth> =>
  until(getHealthGrain(factory).getClusterHealth(timeoutMs === undefined ? {} : { timeoutMs }));
const states = ({ silos }: ClusterHealth): string[] => silos.map(({ siloId, state }) => `${siloId} ${state}`);

beforeAll(async () => {
  factory = (await startSilo('a')).get<GrainFactory>(Tokens.GrainFactory);
  await startSilo('b');
  await startSilo('c');
  await run(10);
});
afterAll(async () => {
  network.cut.clear();
  await until(Promise.allSettled(hosts.map((host) => host.stop())));
  await cluster.close();
});

describe('the health of a cluster', () => {
  it('has what every silo says of itself', async () => {
    const health = await ask();
    expect(health).toMatchObject({ verdict: 'healthy', reasons: [] });
    expect(states(health)).toEqual(['a active', 'b active', 'c active']);
    for (const { siloId, diagnostics, reason, ageMs } of health.silos) {
      expect(diagnostics).toMatchObject({ siloId, state: 'started', devices: [{ description: { id: 'ref:0' } }] });
      expect([reason, ageMs]).toEqual([undefined, 0]);
    }
    await expect(ask(1)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'options.timeoutMs' } });
  });

  it('lists a silo that is silent as unreachable while its lease still runs, within the time that it has', async () => {
    network.cut.add('c');
    await run(1_500);
    const startMs = clock.nowMs();
    const health = await ask(500);
    expect(clock.nowMs() - startMs).toBeLessThan(1_000);
    expect(health.verdict).toBe('degraded');
    expect(states(health)).toEqual(['a active', 'b active', 'c unreachable']);
    const silent = health.silos[2]!;
    expect(silent.diagnostics).toBeUndefined();
    expect(silent.reason).toContain('DEADLINE_EXCEEDED');
    expect(silent.ageMs).toBeGreaterThan(1_000);
    expect(silent.ageMs).toBeLessThan(LEASE_MS);
    expect(silent.devices).toMatchObject([{ deviceId: 'ref:0' }]);
    network.cut.delete('c');
    await run(5_000);
    expect((await ask()).verdict).toBe('healthy');
  });

  it('lists a silo that was killed at once, and as dead once that is proven', async () => {
    ports.get('c')!.disconnect();
    const soon = await ask();
    expect(states(soon)).toEqual(['a active', 'b active', 'c unreachable']);
    expect(soon.silos[2]!.reason).toContain('SILO_UNREACHABLE');
    // Nobody is asked in vain: what did not answer is under suspicion until its next beat.
    expect((await ask()).silos[2]!.reason).toContain('suspicion');
    await run(2 * LEASE_MS);
    const late = await ask();
    expect(late.verdict).toBe('degraded');
    expect(states(late)).toEqual(['a active', 'b active', 'c unreachable']);
    expect(late.silos[2]!.reason).toContain('dead');
    expect(late.silos[2]!.ageMs).toBeGreaterThan(LEASE_MS);
    expect(late.reasons.join()).toContain('silo c is unreachable');
  });
});
