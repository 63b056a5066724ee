import type { GrainClass } from '@gpu-bridge/abstractions';
import { FakeClock } from '@gpu-bridge/testkit';
import { InProcessCluster } from '../cluster/in-process-cluster.js';
import type { InProcessClusterOptions } from '../cluster/in-process-cluster.js';
import { Silo } from '../silo/silo.js';
import type { SiloServices } from '../silo/silo.js';
import type { SiloOptions } from '../silo/silo-options.js';
import { settled, silentServices } from './silo-fixture.js';

export interface ClusterFixture {
  readonly clock: FakeClock;
  readonly cluster: InProcessCluster;
  /** `silo-0`, `silo-1`, … */
  readonly silos: readonly Silo[];
  /** Lets the clock run while promises and messages settle. */
  readonly run: (ms: number) => Promise<void>;
  /** Runs until the promise has settled. */
  readonly until: <T>(promise: Promise<T>) => Promise<T>;
  readonly stop: () => Promise<void>;
}

/** Started silos of one in-process cluster; `grainClasses` says what each hosts. */
export async function startCluster(
  grainClasses: readonly (readonly GrainClass[])[],
  options: SiloOptions = {},
  {
    storage = 'memory',
    services = {},
  }: { readonly storage?: InProcessClusterOptions['storage']; readonly services?: Partial<SiloServices> } = {},
): Promise<ClusterFixture> {
  const clock = new FakeClock();
  const { logger } = silentServices([]);
  const cluster = new InProcessCluster({ clock, logger, storage });
  const silos = grainClasses.map((classes, i) => {
    const port = cluster.port();
    return new Silo({ clock, logger, grainClasses: classes, port, ...services }, { siloId: `silo-${i}`, ...options });
  });
  const run = async (ms: number): Promise<void> => {
    await clock.runFor(BigInt(Math.round(ms * 1e6)));
    await settled();
  };
  const until = async <T>(promise: Promise<T>): Promise<T> => {
    let done = false;
    const end = (): void => void (done = true);
    promise.then(end, end);
    while (!done) await run(5);
    return promise;
  };
  await until(Promise.all(silos.map((silo) => silo.start())));
  await run(1); // everyone has seen everyone
  const stop = async (): Promise<void> => {
    await until(Promise.all(silos.map((silo) => silo.stop())));
    await cluster.close();
  };
  return { clock, cluster, silos, run, until, stop };
}
