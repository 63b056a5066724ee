// A silo in a process of its own: forked by silo-processes.ts, told by messages what to do.
import { register } from 'node:module';
import { Tokens } from '@gpu-bridge/abstractions';
import { Silo, addGpuBridge, folderDatasetSource } from '@gpu-bridge/hosting';
import { u32 } from '@gpu-bridge/kernels';
import { Container } from 'inversify';
import { gate, testGrains } from './test-grains.mjs';

let host;
let container;

/** What the CPU device of a silo can run; compiled at its start. */
async function testKernels() {
  register('./typescript-hooks.mjs', import.meta.url);
  const { spin } = await import('../kernels.ts');
  return [spin];
}

/** `spun` of the tests: resident grains whose data go to `spin`. */
function residentOf(datasetFolder, kernels) {
  return { type: 'spun', columns: { x: u32 }, source: folderDatasetSource(datasetFolder), kernels };
}

const actions = {
  /** `cpuWorkers` 0: no device. */
  async start({ siloId, cluster, silo = {}, cpuWorkers = 0, datasetFolder }) {
    container = new Container();
    const kernels = cpuWorkers > 0 ? await testKernels() : [];
    host = addGpuBridge(container, {
      cpu: cpuWorkers > 0 && { workers: cpuWorkers, arenaMiB: 64 },
      kernels,
      residents: datasetFolder === undefined ? [] : [residentOf(datasetFolder, kernels)],
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

  async gate() {
    return gate.getInfo();
  },

  async openGate() {
    gate.open();
  },

  async stop() {
    await host.stop();
  },
};

process.on('message', async ({ id, action, options }) => {
  const answer = await actions[action](options).then(
    (value) => ({ id, value }),
    (error) => ({ id, error: { code: error.code, message: error.message } }),
  );
  if (!process.connected) return;
  process.send(answer, () => {
    if (action === 'stop' && process.connected) process.disconnect();
  });
});
// Whoever forked us is gone.
process.on('disconnect', () => process.exit());
