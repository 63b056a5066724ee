import { natsServerAbsence } from '../../../scripts/nats-server.mjs';
import type { Benchmark } from '../report.js';
import { failover } from './failover.js';
import { localCalls } from './local-calls.js';
import { remoteCalls } from './remote-calls.js';

export const cluster: Benchmark = {
  name: 'cluster',
  describe: 'calls of grains: within a silo, over NATS against bare requests, and how long a grain is away',
  run: async (note) => {
    const absence = natsServerAbsence();
    if (absence !== undefined) throw new Error(`the benchmark cluster needs a NATS server: ${absence}`);
    // Over NATS first: local calls switch AsyncLocalStorage on, which makes every promise dearer.
    const remote = await remoteCalls();
    const away = await failover(note);
    return [...remote, ...(await localCalls()), ...away];
  },
};
