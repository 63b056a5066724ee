// A silo in a process of its own: forked by silo-processes.ts, told by messages what to do.
import { Tokens } from '@gpu-bridge/abstractions';
import { Silo, addGpuBridge } from '@gpu-bridge/hosting';
import { Container } from 'inversify';
import { testGrains } from './test-grains.mjs';

let host;
let container;

const actions = {
  /** `cpuWorkers` 0: no device. */
  async start({ siloId, cluster, silo = {}, cpuWorkers = 0 }) {
    container = new Container();
    host = addGpuBridge(container, {
      cpu: cpuWorkers > 0 && { workers: cpuWorkers, arenaMiB: 64 },
      requireDevice: cpuWorkers > 0,
      silo: { siloId, ...silo },
      cluster,
    });
    for (const grain of testGrains()) container.bind(Tokens.GrainClass).toConstantValue(grain);
    await host.start();
    return container.get(Silo).getInfo();
  },

  async info() {
    return container.get(Silo).getInfo();
  },

  async call({ type, key, method, args = [], request }) {
    return container
      .get(Silo)
      .getGrain({ options: { type } }, key, request)
      [method](...args);
  },

  async stop() {
    await host.stop();
  },
};

process.on('message', async ({ id, action, options }) => {
  const answer = await actions[action](options).then(
    (value) => ({ id, value }),
    (error) => ({ id, error: { code: error.code, message: error.message, stack: error.stack } }),
  );
  process.send?.(answer, () => {
    if (action === 'stop') process.disconnect?.();
  });
});
// Whoever forked us is gone.
process.on('disconnect', () => process.exit());
