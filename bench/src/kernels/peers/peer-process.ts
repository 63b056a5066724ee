/**
 * A process of its own for the npm peers, whose garbage and threads would otherwise count as ours:
 * `node peer-process.js FILE IN THE FOLDER OF THE INSTALLATION`. It makes the same inputs, then measures one form at a
 * time when asked by its index.
 */
import { createRequire } from 'node:module';
import { Arena } from '../arena.js';
import type { Sample } from '../form.js';
import { ARENA_BYTES, checkResults, createWorkloads } from '../workloads.js';
import type { KernelName, Workload } from '../workloads.js';
import { loadGpuJs } from './gpu-js.js';
import { loadOnnx } from './onnx.js';
import type { LoadPeer, PeerForm } from './peer.js';
import { loadTfjs } from './tfjs.js';

/** What the process says first: the forms in the order of their indexes, and what could not be loaded. */
export interface PeersReady {
  readonly forms: readonly Omit<PeerForm, 'run'>[];
  readonly failures: readonly string[];
}
export type PeerAnswer = { readonly sample: Sample } | { readonly error: string };

const [resolveFrom] = process.argv.slice(2);
const require = createRequire(resolveFrom!);
const made = createWorkloads(new Arena(ARENA_BYTES)).map((workload) => [workload.name, workload] as const);
const workloads = Object.fromEntries(made) as Record<KernelName, Workload>;
const peers: Readonly<Record<string, LoadPeer>> = {
  'gpu.js': loadGpuJs,
  '@tensorflow/tfjs-backend-wasm': loadTfjs,
  'onnxruntime-node': loadOnnx,
};

const forms: PeerForm[] = [];
const failures: string[] = [];
for (const [name, load] of Object.entries(peers)) {
  try {
    forms.push(...(await load(workloads, require)));
  } catch (error) {
    failures.push(`${name}: ${textOf(error)}`);
  }
}

process.on('message', (index: number) => {
  measure(forms[index]!).then(
    (sample) => say({ sample }),
    (error: unknown) => say({ error: textOf(error) }),
  );
});
say({ forms: forms.map(({ kernel, name, threads }) => ({ kernel, name, threads })), failures });

function say(message: PeersReady | PeerAnswer): void {
  process.send?.(message);
}

async function measure(form: PeerForm): Promise<Sample> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const results = await form.run();
  const wallMs = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  const workload = workloads[form.kernel];
  checkResults(workload, results, workload.looseTolerance);
  return { cpuMs: (user + system) / 1e3, wallMs };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
