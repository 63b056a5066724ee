import { setTimeout as pause } from 'node:timers/promises';
import type { NativeDeviceOptions } from '@gpu-bridge/abstractions';
import { axpy, directCall, window } from './axpy.js';
import { optionsFor, unlessAbsent } from './devices.js';
import { nativeRoundTrips } from './native-round-trips.js';
import { rawRing } from './raw-ring.js';
import { median, percentile } from './report.js';
import type { Figure } from './report.js';
import { withSilo } from './silo.js';

const WINDOWS = 10;
const WARM_UP_CALLS = 10_000;
const CALLS_PER_WINDOW = 2_000;
const ISOLATED_CALLS = 100;

type Mode = NonNullable<NativeDeviceOptions['executionMode']>;

/** The same calls on devices behind a host, by mode, and what lies under them: the ring alone, and native round trips. */
export async function nativeLatency(note: (line: string) => void): Promise<Figure[]> {
  const figures: Figure[] = [];
  const add = (more: readonly Figure[] | undefined): void => void figures.push(...(more ?? []));
  add(await nativeRoundTrips(note));
  for (const [name, id, modes] of [
    ['opencl', 'opencl:0', ['resident', 'leased', 'launched']],
    ['cpu_native', 'cpu-native:0', ['resident']],
  ] as const) {
    for (const mode of modes) add(await unlessAbsent(`${id} ${mode}`, note, () => publicApi(name, id, mode)));
    add(await unlessAbsent(`the ring of ${id}`, note, () => ringOf(name, id)));
  }
  const ratio = (id: string, slow: string, fast: string): void => {
    const [a, b] = [slow, fast].map((wanted) => figures.find((figure) => figure.id === `latency.${wanted}`));
    if (a === undefined || b === undefined) {
      note(`${id} is left out: latency.${a === undefined ? slow : fast} is missing`);
      return;
    }
    const { samples } = b;
    figures.push({ id, value: a.value / b.value, unit: 'x', samples, min: a.min / b.max, max: a.max / b.min });
  };
  ratio('latency.public_resident_vs_launched', 'opencl_launched_p50_us', 'opencl_resident_p50_us');
  ratio('latency.raw_ring_vs_launch', 'native_launch_finish_p50_us', 'raw_ring_p50_us');
  return figures;
}

function publicApi(name: string, id: string, executionMode: Mode): Promise<Figure[]> {
  return withSilo({ ...optionsFor(id, { executionMode }), kernels: [axpy] }, async (bridge) => {
    const call = directCall(bridge);
    for (let i = 0; i < WARM_UP_CALLS; i++) await call(i);
    const p50s: number[] = [];
    for (let w = 0; w < WINDOWS; w++) p50s.push(percentile(await window(call, CALLS_PER_WINDOW), 50));
    const isolated: number[] = [];
    for (let i = 0; i < ISOLATED_CALLS; i++) {
      await pause(2);
      isolated.push(await call(i));
    }
    return [
      best(`latency.${name}_${executionMode}_p50_us`, p50s, WINDOWS * CALLS_PER_WINDOW),
      median(`latency.${name}_${executionMode}_isolated_p50_us`, 'us', isolated),
    ];
  });
}

async function ringOf(name: string, id: string): Promise<Figure[]> {
  const p50s = await rawRing(optionsFor(id), WINDOWS);
  return [best(name === 'opencl' ? 'latency.raw_ring_p50_us' : `latency.${name}_raw_ring_p50_us`, p50s, WINDOWS)];
}

/** The best window: what the code takes when nobody else wants the cores. */
function best(id: string, p50s: readonly number[], samples: number): Figure {
  return { ...median(id, 'us', p50s, samples), value: Math.min(...p50s) };
}
