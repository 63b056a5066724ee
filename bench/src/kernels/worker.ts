/** One thread of the pool: sleeps until a round starts, claims chunks until none is left. */
import { parentPort, workerData } from 'node:worker_threads';
import { prepareTask, runClaimed } from './executor.js';
import { CONTROL } from './worker-pool.js';
import type { WorkerSetup } from './worker-pool.js';

const { memory, control, tasks, executor } = workerData as WorkerSetup;
const prepared = tasks.map((task) => ({ task, run: prepareTask(task, memory, executor) }));
const claim = (): number => Atomics.add(control, CONTROL.nextChunk, 1);

let round = 0;
parentPort?.postMessage('ready');
for (;;) {
  Atomics.wait(control, CONTROL.round, round);
  round = Atomics.load(control, CONTROL.round);
  const { task, run } = prepared[Atomics.load(control, CONTROL.task)]!;
  Atomics.add(control, CONTROL.violations, runClaimed(task, run, claim));
  if (Atomics.sub(control, CONTROL.running, 1) === 1) Atomics.notify(control, CONTROL.running);
}
