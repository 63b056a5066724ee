import { setTimeout as pause } from 'node:timers/promises';
import { Tokens } from '@gpu-bridge/abstractions';
import type { GrainFactory, GrainReference, Logger } from '@gpu-bridge/abstractions';
import { Silo, SiloSupervisor, addGpuBridge } from '@gpu-bridge/hosting';
import type { SiloInfo, SiloOptions } from '@gpu-bridge/silo';
import { Container } from 'inversify';
import { onTestFailed } from 'vitest';
import type { NatsServer } from '../../../scripts/nats-server.mjs';
import { keptLog, startNatsCluster, startNatsServer } from '../nats/servers.js';
import type { KeptLog } from '../nats/servers.js';
import { SiloProcess } from './silo-processes.js';
import type { SiloProcessOptions } from './silo-processes.js';

/** Which activation answered. */
interface Where {
  readonly siloId: string;
  readonly fencingToken: number;
}

export interface CounterAnswer extends Where {
  readonly value: number;
}

/** `counter` of test-grains.mjs. */
export interface CounterGrain {
  add(amount: number): Promise<CounterAnswer>;
  heldAdd(amount: number): Promise<CounterAnswer>;
  read(): Promise<number>;
}

/** `worker` of test-grains.mjs, as far as these tests use it. */
export interface WorkerGrain {
  whereAmI(): Promise<Where>;
  heldWhereAmI(): Promise<Where>;
  heldOnce(): Promise<Where>;
  numbers(count: number, ballastBytes: number): AsyncIterable<{ readonly i: number; readonly ballast: Uint8Array }>;
  streamedSoFar(): Promise<number>;
}

export interface TestClusterOptions {
  /** How many silo processes. */
  readonly silos: number;
  /** Default 1; with 3, tables are kept on all of them. */
  readonly servers?: 1 | 3;
  /** Of every silo, the test's own member included. */
  readonly silo?: SiloOptions;
  readonly cpuWorkers?: number;
  readonly datasetFolder?: string;
  /** Whether the exit of a silo process is reported to the cluster at once. */
  readonly supervised?: boolean;
}

/** Never reached by what a test waits for on a machine that works, however busy. */
const LIMIT_MS = 90_000;

/**
 * Silo processes `silo-0`, `silo-1`, … on NATS servers of their own, and this process as a member that hosts nothing. Ends
 * all of it when it is disposed of, and at the latest with this process.
 */
export class TestCluster implements AsyncDisposable {
  readonly silos: SiloProcess[] = [];
  readonly clusterId = 'faults';
  readonly log: KeptLog = keptLog();
  private readonly container = new Container();
  private readonly ends: (() => Promise<void>)[] = [];
  private running: readonly NatsServer[] = [];
  private added = 0;

  private constructor(private readonly options: TestClusterOptions) {}

  static async start(options: TestClusterOptions): Promise<TestCluster> {
    const cluster = new TestCluster(options);
    onTestFailed(() => console.error(cluster.report()));
    try {
      await cluster.startAll();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  get servers(): readonly NatsServer[] {
    return this.running;
  }

  /** Calls from the test's own process. */
  get grains(): GrainFactory {
    return this.container.get<GrainFactory>(Tokens.GrainFactory);
  }

  counter(key: string): GrainReference<CounterGrain> {
    return this.grains.getGrain<CounterGrain>(
      { options: { type: 'counter', placement: { director: 'least-loaded' } } },
      key,
    );
  }

  worker(key: string): GrainReference<WorkerGrain> {
    return this.grains.getGrain<WorkerGrain>(
      {
        options: { type: 'worker', placement: { director: 'least-loaded' }, idempotent: ['whereAmI', 'heldWhereAmI'] },
      },
      key,
    );
  }

  /** As the test's own member sees it. */
  getInfo(): SiloInfo {
    return this.container.get(Silo).getInfo();
  }

  /** Adds a silo process to those there are. @param options - what differs from the others. */
  async addSilo(options: Partial<SiloProcessOptions> = {}): Promise<SiloProcess> {
    const siloId = `silo-${this.added++}`;
    const { silo = {}, cpuWorkers = 0, datasetFolder } = this.options;
    const started = await SiloProcess.start({
      ...{ siloId, cluster: this.engine(), silo, cpuWorkers },
      ...(datasetFolder !== undefined && { datasetFolder }),
      ...options,
    });
    this.ends.push(() => started.kill());
    this.silos.push(started);
    this.silos.sort((a, b) => a.siloId.localeCompare(b.siloId));
    return started;
  }

  /** A key of the counter, `PREFIX-N`, that this silo hosts; looks at new keys until one is there. */
  async counterOn(
    silo: SiloProcess,
    prefix: string,
  ): Promise<{ readonly key: string; readonly answer: CounterAnswer }> {
    for (let n = 0; ; n++) {
      const key = `${prefix}-${n}`;
      const answer = await this.counter(key).add(1);
      if (answer.siloId === silo.siloId) return { key, answer };
      if (n > 500) throw new Error(`nothing is placed on ${silo.siloId}`);
    }
  }

  /** Waits until this silo serves in another incarnation than that of the address. */
  async rejoined(silo: SiloProcess, address: string | undefined): Promise<void> {
    await eventually(async () => {
      const { cluster } = await silo.info();
      return cluster?.address !== address && cluster?.membership.fenced === false;
    }, `${silo.siloId} has rejoined`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const end of this.ends.splice(0).reverse()) await end().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }

  private async startAll(): Promise<void> {
    await this.startServers();
    const starting = Array.from({ length: this.options.silos }, () => this.addSilo());
    // So that none is left over when another fails to start.
    await Promise.allSettled(starting);
    await Promise.all(starting);
    await this.startMember();
    const ready = (): boolean =>
      this.getInfo().cluster!.members.filter(({ state }) => state === 'active').length > this.silos.length;
    await eventually(ready, 'the member sees every silo');
    if (this.options.supervised === true) this.supervise();
  }

  private async startServers(): Promise<void> {
    if (this.options.servers === 3) {
      const nats = await startNatsCluster();
      this.ends.push(() => nats.stop());
      this.running = nats.servers;
    } else {
      const server = await startNatsServer();
      this.ends.push(() => server.stop());
      this.running = [server];
    }
  }

  private async startMember(): Promise<void> {
    const { container } = this;
    const host = addGpuBridge(container, {
      cpu: false,
      requireDevice: false,
      silo: { siloId: 'test', ...this.options.silo },
      cluster: this.engine(),
    });
    container.rebind<Logger>(Tokens.Logger).toConstantValue(this.log);
    await host.start();
    this.ends.push(() => host.stop());
  }

  private supervise(): void {
    const supervisor = this.container.get(SiloSupervisor);
    const watches = this.silos.map((silo) => supervisor.watch(silo.child, () => silo.address));
    this.ends.push(() => Promise.resolve(watches.forEach((watch) => watch[Symbol.dispose]())));
  }

  private engine(): SiloProcessOptions['cluster'] {
    const urls = this.running.map(({ url }) => url);
    const replicas = urls.length === 3 ? 3 : 1;
    return { nats: { servers: urls, clusterId: this.clusterId, replicas, startTimeoutMs: LIMIT_MS } };
  }

  /** What everybody logged. */
  private report(): string {
    const parts = this.silos.map(({ siloId, log }) => `--- ${siloId}\n${log}`);
    return [...parts, '--- test', ...this.log.lines].join('\n');
  }
}

/** Waits for a condition; gives up, as a failure, only after a time no healthy run comes near. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  what: string,
  limitMs = LIMIT_MS,
): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`never happened: ${what}`);
    await pause(10);
  }
}
