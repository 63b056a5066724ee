import { Tokens } from '@gpu-bridge/abstractions';
import type { GrainFactory } from '@gpu-bridge/abstractions';
import { SiloSupervisor, addGpuBridge } from '@gpu-bridge/hosting';
import { Container } from 'inversify';
import { natsServerAbsence, startNatsServer } from '../../../../scripts/nats-server.mjs';
import { UsageError } from '../arguments.js';
import { say } from '../progress.js';
import type { DemoHost } from './demo-host.js';
import { startSiloProcess } from './silo-processes.js';
import type { SiloProcess } from './silo-processes.js';

const CLUSTER_ID = 'demo';

/**
 * Silo processes on a NATS server of their own, and this process as a member that hosts nothing. The first silo has the
 * devices.
 *
 * @throws UsageError where no NATS server is installed.
 */
export async function startClusterHost(
  { silos, workers }: { readonly silos: number; readonly workers: number },
  signal: AbortSignal,
): Promise<DemoHost> {
  const absence = natsServerAbsence();
  if (absence !== undefined) throw new UsageError(`--silos: ${absence}`);
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  try {
    const server = await startNatsServer();
    stops.push(() => server.stop());
    signal.throwIfAborted();
    const cluster = { nats: { servers: [server.url], clusterId: CLUSTER_ID } };
    say(`starting ${silos} silo processes on ${server.url}`);
    const started = await startSilos(silos, workers, server.url, stops);
    signal.throwIfAborted();
    const container = new Container();
    const driver = addGpuBridge(container, { cpu: false, requireDevice: false, silo: { siloId: 'driver' }, cluster });
    await driver.start();
    stops.push(() => driver.stop());
    // A silo that dies is replaced as soon as its process has ended, not when its lease runs out.
    const supervisor = container.get(SiloSupervisor);
    const watches = started.map(({ child, address }) => supervisor.watch(child, () => address));
    // Silos that are stopped leave by themselves.
    stops.push(() => Promise.resolve(watches.forEach((watch) => watch[Symbol.dispose]())));
    return {
      grainFactory: container.get<GrainFactory>(Tokens.GrainFactory),
      devices: [],
      silos: started.map(({ siloId, devices }) => ({ siloId, devices })),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** @param stops - gets what ends each silo, also of those that started before another failed. */
async function startSilos(
  silos: number,
  workers: number,
  servers: string,
  stops: (() => Promise<void>)[],
): Promise<readonly SiloProcess[]> {
  const starting = Array.from({ length: silos }, async (_, i) => {
    const silo = await startSiloProcess({
      siloId: `silo-${i + 1}`,
      servers,
      clusterId: CLUSTER_ID,
      devices: i === 0,
      workers,
    });
    stops.push(() => silo.stop());
    return silo;
  });
  await Promise.allSettled(starting);
  return Promise.all(starting);
}
