import { setTimeout as pause } from 'node:timers/promises';
import { Tokens } from '@gpu-bridge/abstractions';
import type { GrainFactory } from '@gpu-bridge/abstractions';
import { SiloSupervisor } from '@gpu-bridge/hosting';
import { startNatsServer } from '../../../scripts/nats-server.mjs';
import { median } from '../report.js';
import type { Figure } from '../report.js';
import { echo } from './echo-grain.js';
import { startResponder } from './responders.js';
import type { Responder } from './responders.js';
import { startSilo } from './silo-host.js';

const SUPERVISED_ROUNDS = 9;
const LEASE_ROUNDS = 3;
const HEAL_ROUNDS = 3;
/** Longer than the lease: whoever is cut off for so long has lost everything. */
const CUT_OFF_MS = 20_000;
const KEY = 'one';

/** How long a keyed grain cannot be called, with the defaults of a silo. */
export async function failover(note: (line: string) => void): Promise<Figure[]> {
  await using server = await startNatsServer();
  const { container, host } = await startSilo('caller', server.url, false);
  const hosts = await Promise.all(['a', 'b'].map((siloId) => startResponder(siloId, server.url)));
  const supervisor = container.get(SiloSupervisor);
  const grains = container.get<GrainFactory>(Tokens.GrainFactory);

  /** From the death of the silo that has the grain to the answer of the one that has it next. */
  const replace = async (supervised: boolean): Promise<number> => {
    const before = await grains.getGrain(echo, KEY).whereAmI();
    const index = hosts.findIndex(({ siloId }) => siloId === before);
    const victim = hosts[index]!;
    using _ = supervised ? supervisor.watch(victim.child, () => victim.address) : undefined;
    const start = performance.now();
    victim.child.kill('SIGKILL');
    const after = await firstAnswer(grains);
    const elapsedMs = performance.now() - start;
    if (after === before) throw new Error('the dead silo has answered');
    hosts[index] = await startResponder(before, server.url);
    return elapsedMs;
  };

  try {
    const supervised: number[] = [];
    for (let round = 0; round < SUPERVISED_ROUNDS; round++) supervised.push(await replace(true));
    note('waiting for leases to run out …');
    const byLease: number[] = [];
    for (let round = 0; round < LEASE_ROUNDS; round++) byLease.push(await replace(false));
    note('cutting all silos off from their server …');
    const healing: number[] = [];
    for (let round = 0; round < HEAL_ROUNDS; round++) {
      server.pause();
      await pause(CUT_OFF_MS);
      const start = performance.now();
      server.resume();
      await firstAnswer(grains);
      healing.push(performance.now() - start);
    }
    return [
      median('cluster.failover_supervised_ms', 'ms', supervised),
      median('cluster.failover_lease_ms', 'ms', byLease),
      median('cluster.heal_ms', 'ms', healing),
    ];
  } finally {
    await host.stop();
    await Promise.all(hosts.map((responder: Responder) => responder.kill()));
  }
}

/** Calls until somebody answers. A call that was under way when its silo died ends as an error, whatever it was. */
async function firstAnswer(grains: GrainFactory): Promise<string> {
  for (;;) {
    try {
      return await grains.getGrain(echo, KEY).whereAmI();
    } catch {
      await pause(1);
    }
  }
}
