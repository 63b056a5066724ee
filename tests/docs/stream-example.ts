// --8<-- [start:stream]
import { Tokens } from '@gpu-bridge/abstractions';
import type { GrainFactory } from '@gpu-bridge/abstractions';
import { defineStream, getStreamGrain, resultsOf } from '@gpu-bridge/grains';
import { addGpuBridge } from '@gpu-bridge/hosting';
import { f64, input, mapKernel, output } from '@gpu-bridge/kernels';
import { rowArrays } from '@gpu-bridge/streams';
import { Container } from 'inversify';

const convert = mapKernel('convert', { params: { usd: input(f64), eur: output(f64) } }, (_k, { usd, eur }) => {
  eur.value = usd * 0.5;
});
const prices = defineStream({ kernel: convert, microBatch: { maxItems: 4_096, maxAgeMs: 5 }, overflow: 'wait' });

const container = new Container();
const host = addGpuBridge(container, { kernels: [convert], streams: [prices] });
await host.start();

const stream = getStreamGrain(container.get<GrainFactory>(Tokens.GrainFactory), prices, 'paris');
const subscription = await stream.subscribe();
await stream.push({ usd: 3 }); // resolves when accepted: under `wait`, when there is room
await stream.pushMany({ usd: Float64Array.of(8, 10, 12) });

const results = resultsOf(subscription, (other) => console.error(other.outcome, other.itemCount)); // failed jobs, gaps
let left = 4;
for await (const rows of rowArrays(results, ({ eur }, i) => eur[i]!)) {
  for (const eur of rows) console.log(eur);
  left -= rows.length;
  if (left === 0) break; // unsubscribes
}
await host.stop();
// --8<-- [end:stream]
