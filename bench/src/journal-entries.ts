import type { GpuBridge } from '@gpu-bridge/abstractions';
import { i64, ragged, struct, u32 } from '@gpu-bridge/kernels';
import {
  allocateFlowColumns,
  allocatePlainWorkspace,
  decomposePlain,
  decompositionInputs,
  generateJournal,
  jeDecomposition,
} from '@gpu-bridge/sample-je-decomposition';
import type {
  DecompositionInputs,
  DecompositionOutputs,
  FlowColumns,
  Journal,
} from '@gpu-bridge/sample-je-decomposition';
import { optionsFor, unlessAbsent } from './devices.js';
import { median } from './report.js';
import type { Benchmark, Figure } from './report.js';
import { withSilo } from './silo.js';

const LINES = 1_000_000;
const SEED = 1;
const WARM_UP_PAIRS = 4;
const PAIRS = 15;
const WORKERS = 2;
const NATIVE_DEVICE = 'cpu-native:0';

const Line = struct({ amount: i64, account: u32, accountClass: u32 });

/**
 * A journal decomposed by the kernel on two workers, its columns in the arena and its flows left there, against plain
 * JavaScript of the same rules on one thread; pairs are interleaved, flows of every pair compared.
 */
export const journalEntries: Benchmark = {
  name: 'je',
  describe: 'journal entries: kernel on two workers against plain JavaScript, resident and with copies',
  run: async (note) => {
    const journal = generateJournal({ lines: LINES, seed: SEED });
    note(
      `${journal.lineCount} lines, ${journal.subEntryCount} sub-entries, ${PAIRS} pairs after ${WARM_UP_PAIRS} to warm up`,
    );
    const embedded = await withSilo({ kernels: [jeDecomposition], cpu: { workers: WORKERS } }, async (bridge) => {
      using resident = residentLines(bridge, journal);
      const inputs = decompositionInputs(journal);
      const workspace = allocatePlainWorkspace(journal);
      const js: number[] = [];
      const inArena: number[] = [];
      const copied: number[] = [];
      let plain: FlowColumns<Float64Array> = allocateFlowColumns(0, 0);
      for (let pair = -WARM_UP_PAIRS; pair < PAIRS; pair++) {
        const jsStart = performance.now();
        plain = decomposePlain(journal, 'credit-to-debit', workspace);
        const jsMs = performance.now() - jsStart;
        const arenaMs = await timeKernel(bridge, { lines: resident.data, direction: 0 }, 'borrow', journal, plain);
        const copiedMs = await timeKernel(bridge, inputs, 'copy', journal, plain);
        if (pair < 0) continue;
        js.push(jsMs);
        inArena.push(arenaMs);
        copied.push(copiedMs);
      }
      return [
        median(
          'je.speedup_vs_js',
          'x',
          js.map((ms, i) => ms / inArena[i]!),
        ),
        median(
          'je.speedup_with_copies',
          'x',
          js.map((ms, i) => ms / copied[i]!),
        ),
        median('je.js_ms', 'ms', js),
        median('je.kernel_ms', 'ms', inArena),
        median('je.kernel_with_copies_ms', 'ms', copied),
      ];
    });
    const native = await unlessAbsent(NATIVE_DEVICE, note, () => onNativeCpu(journal));
    return [...embedded, ...(native ?? [])];
  },
};

/** The same on two threads of the native CPU device, columns resident, pairs interleaved with plain JavaScript. */
function onNativeCpu(journal: Journal): Promise<Figure[]> {
  const options = optionsFor(NATIVE_DEVICE, { executors: WORKERS });
  return withSilo({ ...options, kernels: [jeDecomposition] }, async (bridge) => {
    using resident = residentLines(bridge, journal);
    const workspace = allocatePlainWorkspace(journal);
    const ratios: number[] = [];
    const kernel: number[] = [];
    for (let pair = -WARM_UP_PAIRS; pair < PAIRS; pair++) {
      const jsStart = performance.now();
      const plain = decomposePlain(journal, 'credit-to-debit', workspace);
      const jsMs = performance.now() - jsStart;
      const ms = await timeKernel(bridge, { lines: resident.data, direction: 0 }, 'borrow', journal, plain);
      if (pair < 0) continue;
      ratios.push(jsMs / ms);
      kernel.push(ms);
    }
    return [median('je.native_vs_js', 'x', ratios), median('je.native_kernel_ms', 'ms', kernel)];
  });
}

function residentLines(bridge: GpuBridge, journal: Journal) {
  const allocation = bridge.allocate(ragged(Line), { items: journal.subEntryCount, elements: journal.lineCount });
  const { offsets, columns } = allocation.data;
  offsets.set(journal.offsets);
  (columns.amount as BigInt64Array).set(journal.amount);
  columns.account.set(journal.account);
  columns.accountClass.set(journal.accountClass);
  return allocation;
}

/** Time from submission until the last flow can be read; then compares all flows with the plain ones. */
async function timeKernel(
  bridge: GpuBridge,
  items: DecompositionInputs,
  mode: 'copy' | 'borrow',
  journal: Journal,
  plain: FlowColumns,
): Promise<number> {
  const kernel = bridge.getKernel(jeDecomposition);
  const start = performance.now();
  const handle = await kernel.submitBatch(items);
  if (mode === 'copy') {
    const batches = [];
    for await (const batch of kernel.readResults(handle)) batches.push(batch);
    const elapsed = performance.now() - start;
    for (const { firstItem, itemCount, columns } of batches) compare(journal, plain, firstItem, itemCount, columns);
    return elapsed;
  }
  const { outcome } = await handle.result;
  const elapsed = performance.now() - start;
  if (outcome !== 'completed') throw new Error(`the job ${outcome}`);
  for await (const { firstItem, itemCount, columns } of kernel.readResults(handle, { mode }))
    compare(journal, plain, firstItem, itemCount, columns);
  return elapsed;
}

function compare(
  journal: Journal,
  plain: FlowColumns,
  firstItem: number,
  itemCount: number,
  { flows }: DecompositionOutputs,
): void {
  const { fromLine, toLine, amount, method, confidence } = flows.columns;
  for (let i = 0; i < itemCount; i++) {
    const item = firstItem + i;
    const count = flows.counts[i]!;
    const p = plain.start[item]!;
    const k = flows.start(i);
    let same = count === plain.count[item];
    for (let j = 0; same && j < count; j++) {
      same =
        fromLine[k + j] === plain.fromLine[p + j] &&
        toLine[k + j] === plain.toLine[p + j] &&
        amount.numberAt(k + j) === plain.amount[p + j] &&
        method[k + j] === plain.method[p + j] &&
        confidence[k + j] === plain.confidence[p + j];
    }
    if (!same) throw new Error(`the flows of entry ${journal.entryIds[journal.entryOfSubEntry[item]!]} differ`);
  }
}
