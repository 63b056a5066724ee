import { Tokens } from '@gpu-bridge/abstractions';
import type { GrainFactory } from '@gpu-bridge/abstractions';
import { connect } from '@nats-io/transport-node';
import { startNatsServer } from '../../../scripts/nats-server.mjs';
import { median, percentile } from '../report.js';
import type { Figure } from '../report.js';
import { BARE_SUBJECT, echo } from './echo-grain.js';
import { startResponder } from './responders.js';
import { startSilo } from './silo-host.js';

const PAIRS = 15;
const WARM_UP_PAIRS = 2;
const SMALL = { bytes: 64, inFlight: 64, calls: 6_000 };
const LARGE = { bytes: 64 * 1024, inFlight: 16, calls: 400 };
const SEQUENTIAL_CALLS = 800;
const ACTIVATIONS = 400;

type Call = (payload: Uint8Array) => Promise<Uint8Array>;
interface Load {
  readonly bytes: number;
  readonly inFlight: number;
  readonly calls: number;
}

/**
 * Calls of a grain in another process over NATS, against bare request and reply between the same two processes over the same
 * server, in turns.
 */
export async function remoteCalls(): Promise<Figure[]> {
  await using server = await startNatsServer();
  const responder = await startResponder('responder', server.url);
  const connection = await connect({ servers: server.url });
  const { container, host } = await startSilo('caller', server.url, false);
  try {
    const grains = container.get<GrainFactory>(Tokens.GrainFactory);
    const grain = grains.getGrain(echo, 'one');
    const viaGrain: Call = (payload) => grain.echo(payload);
    const bare: Call = async (payload) => (await connection.request(BARE_SUBJECT, payload, { timeout: 10_000 })).data;
    const latencies: number[] = [];
    const small: number[] = [];
    const large: number[] = [];
    for (let pair = -WARM_UP_PAIRS; pair < PAIRS; pair++) {
      const ratios = {
        latency: (await p50Us(viaGrain)) / (await p50Us(bare)),
        small: (await callsPerSecond(viaGrain, SMALL)) / (await callsPerSecond(bare, SMALL)),
        large: (await callsPerSecond(viaGrain, LARGE)) / (await callsPerSecond(bare, LARGE)),
      };
      if (pair < 0) continue;
      latencies.push(ratios.latency);
      small.push(ratios.small);
      large.push(ratios.large);
    }
    const activations: number[] = [];
    for (let key = 0; key < ACTIVATIONS; key++) {
      const start = performance.now();
      await grains.getGrain(echo, `new-${key}`).whereAmI();
      activations.push(performance.now() - start);
    }
    return [
      median('cluster.call_p50_vs_bare', 'x', latencies),
      median('cluster.calls_vs_bare_64B', 'x', small),
      median('cluster.calls_vs_bare_64KiB', 'x', large),
      median('cluster.activation_p50_ms', 'ms', activations),
    ];
  } finally {
    await host.stop();
    await connection.close();
    await responder.kill();
  }
}

/** One call after the other. */
async function p50Us(call: Call): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < SEQUENTIAL_CALLS; n++) {
    const payload = payloadOf(SMALL.bytes, n);
    const start = performance.now();
    const answer = await call(payload);
    times.push((performance.now() - start) * 1_000);
    check(answer, SMALL.bytes, n);
  }
  return percentile(times, 50);
}

async function callsPerSecond(call: Call, { bytes, inFlight, calls }: Load): Promise<number> {
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < calls) {
      const n = next++;
      check(await call(payloadOf(bytes, n)), bytes, n);
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: inFlight }, caller));
  return (calls * 1_000) / (performance.now() - start);
}

/** Different in every call; both sides make it, so it costs both the same. */
function payloadOf(bytes: number, n: number): Uint8Array {
  const payload = new Uint8Array(bytes);
  payload[0] = n;
  payload[bytes - 1] = n >> 8;
  return payload;
}

function check(answer: Uint8Array, bytes: number, n: number): void {
  if (answer.byteLength === bytes && answer[0] === (n & 255) && answer[bytes - 1] === ((n >> 8) & 255)) return;
  throw new Error(`call ${n} came back as something else`);
}
