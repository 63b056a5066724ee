import { Tokens } from '@gpu-bridge/abstractions';
import type { Clock, ClusterPort, Logger } from '@gpu-bridge/abstractions';
import { addGpuBridge } from '@gpu-bridge/hosting';
import type { GpuBridgeHostOptions } from '@gpu-bridge/hosting';
import { SystemClock } from '@gpu-bridge/runtime';
import { InProcessCluster, Silo } from '@gpu-bridge/silo';
import { Container } from 'inversify';
import { expect } from 'vitest';

const ignore = (): void => undefined;
const logger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/**
 * Whole hosts in one process, that find each other over an in-process cluster, or over ports that the test makes; stops them
 * also when the test fails.
 */
export class InProcessTestCluster implements AsyncDisposable {
  private readonly clock: Clock = new SystemClock();
  private readonly cluster = new InProcessCluster({ clock: this.clock, logger, storage: 'memory' });
  private readonly stops = new Map<string, () => Promise<void>>();

  constructor(private readonly newPort: () => ClusterPort = () => this.cluster.port()) {}

  async start(siloId: string, options: GpuBridgeHostOptions): Promise<Container> {
    const container = new Container();
    const host = addGpuBridge(container, { silo: { siloId }, ...options });
    container.rebind<Logger>(Tokens.Logger).toConstantValue(logger);
    container.bind(Tokens.ClusterPort).toConstantValue(this.newPort());
    await host.start();
    this.stops.set(siloId, () => host.stop());
    return container;
  }

  /** As if its process had died: nothing that it says or has reaches the others any more. */
  async kill(container: Container): Promise<void> {
    await container.get<ClusterPort>(Tokens.ClusterPort).close();
  }

  /** Waits until that silo sees so many as active, itself included. */
  async sees(container: Container, silos: number): Promise<void> {
    const silo = container.get(Silo);
    const active = () => silo.getInfo().cluster!.members.filter(({ state }) => state === 'active').length;
    await expect.poll(active).toBe(silos);
  }

  /** Drains a silo, and ends it. */
  async stop(siloId: string): Promise<void> {
    const stop = this.stops.get(siloId);
    this.stops.delete(siloId);
    await stop?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const siloId of [...this.stops.keys()].reverse()) await this.stop(siloId);
    await this.cluster.close();
  }
}
