import { median } from '../report.js';
import type { Benchmark, Figure } from '../report.js';
import { Arena } from './arena.js';
import { measured } from './form.js';
import type { Form, Sample } from './form.js';
import { nativeForms } from './native-forms.js';
import { peerForms } from './peers/peer-forms.js';
import { startupFigures } from './startup.js';
import { threadForms } from './thread-forms.js';
import { ARENA_BYTES, createWorkloads, validateIndexes } from './workloads.js';
import type { KernelName, Workload } from './workloads.js';

const WARM_UP_ROUNDS = 2;
const ROUNDS = 7;
/** A form that is done this soon runs more often in a round; its best counts, because others disturb it longer than it runs. */
const SHORT_MS = 60;
const SHORT_REPEATS = 3;

/** Every form of every kernel in turn, round by round, so that the machine's moods meet all of them alike. */
export const kernels: Benchmark = {
  name: 'kernels',
  describe: 'compiled kernels against plain JavaScript, npm packages, g++ and memory bandwidth; start-up times',
  run: async (note) => {
    const startup = await startupFigures();
    note('start-up measured; making inputs');
    const arena = new Arena(ARENA_BYTES);
    const workloads = createWorkloads(arena);
    const validation = median(
      'kernels.triangles.validate_indexes_ms',
      'ms',
      Array.from({ length: ROUNDS }, () => measured(() => workloads.forEach(validateIndexes)).wallMs),
    );
    const { forms: threads, pool } = await threadForms(workloads, arena);
    const native = await nativeForms(workloads, arena, note);
    const peers = await peerForms(note);
    try {
      const measurements = await measureRounds(workloads, [...threads, ...native.forms, ...peers.forms], note);
      return [...acceptance(workloads, measurements), ...startup, validation, ...everyForm(measurements)];
    } finally {
      native.stop();
      peers.stop();
      await pool.stop();
    }
  },
};

interface Measurement {
  readonly form: Form;
  readonly samples: Sample[];
}

async function measureRounds(
  workloads: readonly Workload[],
  forms: readonly Form[],
  note: (line: string) => void,
): Promise<Measurement[]> {
  // The forms of one kernel follow each other, so that what is compared is measured within a second.
  const measurements = workloads.flatMap(({ name }) =>
    forms.filter(({ kernel }) => kernel === name).map((form): Measurement => ({ form, samples: [] })),
  );
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    const start = performance.now();
    for (const { form, samples } of measurements) {
      const sample = await bestOf(form);
      if (round >= 0) samples.push(sample);
    }
    const title = round < 0 ? 'warm-up' : `round ${round + 1} of ${ROUNDS}`;
    note(`${title}: ${forms.length} forms in ${((performance.now() - start) / 1e3).toFixed(1)} s, results checked`);
  }
  return measurements;
}

async function bestOf(form: Form): Promise<Sample> {
  let best = await form.measure();
  for (let i = 1; i < SHORT_REPEATS && best.cpuMs < SHORT_MS; i++) {
    const { cpuMs, wallMs } = await form.measure();
    best = { cpuMs: Math.min(best.cpuMs, cpuMs), wallMs: Math.min(best.wallMs, wallMs) };
  }
  return best;
}

function acceptance(workloads: readonly Workload[], measurements: readonly Measurement[]): Figure[] {
  const cpu = (kernel: KernelName, name: string): number[] =>
    samplesOf(measurements, kernel, name, 1).map(({ cpuMs }) => cpuMs);
  const speedUp = (kernel: KernelName, name: string): number[] => {
    const two = samplesOf(measurements, kernel, name, 2);
    return samplesOf(measurements, kernel, name, 1).map(({ wallMs }, i) => wallMs / two[i]!.wallMs);
  };
  const ratio = (id: string, over: readonly number[], under: readonly number[]): Figure =>
    median(
      id,
      'x',
      over.map((value, i) => value / under[i]!),
    );
  const vsJs = (id: string, kernel: KernelName): Figure => ratio(id, cpu(kernel, 'js'), cpu(kernel, 'wasm'));

  const vsPeers = workloads.flatMap(({ name }) => {
    const peers = measurements.filter(({ form }) => form.isPeer && form.kernel === name && form.threads === 1);
    const best = leastOf(peers, ({ samples }) => medianOf(samples.map(({ cpuMs }) => cpuMs)));
    if (best === undefined) return [];
    return [ratio(`kernels.${snakeCase(name)}.vs_best_npm_peer`, cpu(name, best.form.name), cpu(name, 'wasm'))];
  });
  const scaling = workloads.map(({ name }) =>
    ratio(`kernels.${snakeCase(name)}.scaling_vs_gxx`, speedUp(name, 'wasm'), speedUp(name, 'gxx')),
  );
  const least = (id: string, figures: readonly Figure[]): Figure[] => {
    const figure = leastOf(figures, ({ value }) => value);
    return figure === undefined ? [] : [{ ...figure, id }];
  };
  return [
    // Both move three arrays of the same size.
    ratio('kernels.vadd_vs_triad', cpu('vadd', 'triad'), cpu('vadd', 'wasm')),
    vsJs('kernels.blackscholes_vs_js', 'blackScholes'),
    vsJs('kernels.mandelbrot_vs_js', 'mandelbrot'),
    vsJs('kernels.histogram_vs_js', 'histogram'),
    vsJs('kernels.reduction_vs_js', 'blockSum'),
    vsJs('kernels.triangles_vs_js', 'triangles'),
    ...least('kernels.min_vs_best_npm_peer', vsPeers),
    ...least('kernels.min_scaling_vs_gxx', scaling),
    ratio('kernels.spmd_mandelbrot_vs_gxx', cpu('mandelbrot', 'gxx'), cpu('mandelbrot', 'cpp')),
    ...vsPeers,
    ...scaling,
  ];
}

function everyForm(measurements: readonly Measurement[]): Figure[] {
  return measurements.flatMap(({ form: { kernel, name, threads }, samples }) => {
    const id = `kernels.${snakeCase(kernel)}.${name}_${threads}t`;
    return [
      median(
        `${id}_cpu_ms`,
        'ms',
        samples.map(({ cpuMs }) => cpuMs),
      ),
      median(
        `${id}_wall_ms`,
        'ms',
        samples.map(({ wallMs }) => wallMs),
      ),
    ];
  });
}

function samplesOf(
  measurements: readonly Measurement[],
  kernel: KernelName,
  name: string,
  threads: 1 | 2,
): readonly Sample[] {
  const found = measurements.find(
    ({ form }) => form.kernel === kernel && form.name === name && form.threads === threads,
  );
  if (found === undefined) throw new Error(`${kernel} has no form ${name} with ${threads} threads`);
  return found.samples;
}

function leastOf<T>(items: readonly T[], by: (item: T) => number): T | undefined {
  return [...items].sort((a, b) => by(a) - by(b))[0];
}

function medianOf(values: readonly number[]): number {
  return median('', '', values).value;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
