import type { DeviceInfo } from '@gpu-bridge/abstractions';
import { METHOD_NAMES } from '@gpu-bridge/sample-je-decomposition';
import type { Decomposition, Journal } from '@gpu-bridge/sample-je-decomposition';
import Table from 'cli-table3';

/** What the demo reports; printed as it is by `--json`. */
export interface Summary {
  readonly lines: number;
  readonly entries: number;
  /** One entry in one commodity each: the items of the kernel. */
  readonly subEntries: number;
  readonly flows: number;
  /** Lines, suspense lines included, and accounts whose flows do not add up to their amounts. */
  readonly residual: number;
  readonly residualLines: number;
  readonly residualAccounts: number;
  readonly entriesPerSecond: number;
  readonly linesPerSecond: number;
  readonly elapsedMs: number;
  readonly device: string;
  readonly deviceName: string;
  readonly deviceType: string;
  readonly executionMode: string;
  readonly fallback: boolean;
  readonly executors: number;
  /** Of one batch, from submission to its last result. */
  readonly batches: number;
  readonly batchMs: { readonly p50: number; readonly p95: number; readonly p99: number };
  /** Share of the sub-entries that have flows, by the method that decided them. */
  readonly methodShares: Readonly<Record<string, number>>;
  readonly unbalancedSubEntries: number;
  readonly largestEntryLines: number;
}

export function summarise(
  journal: Journal,
  decomposition: Decomposition,
  elapsedMs: number,
  device: DeviceInfo,
): Summary {
  const { conservation, jobs, subEntriesByMethod, flowCount, unbalancedSubEntries } = decomposition;
  const seconds = elapsedMs / 1_000;
  const batchMs = jobs.map(({ totalNs }) => totalNs / 1e6).sort((a, b) => a - b);
  return {
    lines: journal.lineCount,
    entries: journal.entryIds.length,
    subEntries: journal.subEntryCount,
    flows: flowCount,
    residual: conservation.brokenLines + conservation.brokenSubEntries + conservation.brokenAccounts,
    residualLines: conservation.brokenLines,
    residualAccounts: conservation.brokenAccounts,
    entriesPerSecond: Math.round(journal.entryIds.length / seconds),
    linesPerSecond: Math.round(journal.lineCount / seconds),
    elapsedMs: round(elapsedMs),
    device: device.description.id,
    deviceName: device.description.name,
    deviceType: device.description.type,
    executionMode: jobs[0]?.executionMode ?? device.description.executionMode,
    fallback: jobs.some(({ fallback }) => fallback),
    executors: device.description.executors,
    batches: jobs.length,
    batchMs: {
      p50: round(percentile(batchMs, 50)),
      p95: round(percentile(batchMs, 95)),
      p99: round(percentile(batchMs, 99)),
    },
    methodShares: methodShares(subEntriesByMethod),
    unbalancedSubEntries,
    largestEntryLines: largestEntry(journal),
  };
}

export function summaryTable(summary: Summary): string {
  const n = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 2 });
  const table = new Table({ style: { head: [], border: [] }, colAligns: ['left', 'right'] });
  table.push(
    ['device', `${summary.device} (${summary.deviceName}, ${summary.executors} workers)`],
    ['execution mode', summary.executionMode + (summary.fallback ? ', fallback' : '')],
    ['entries · lines · flows', `${n(summary.entries)} · ${n(summary.lines)} · ${n(summary.flows)}`],
    ['entries/s', n(summary.entriesPerSecond)],
    ['lines/s', n(summary.linesPerSecond)],
    ['batches', n(summary.batches)],
    [
      'per batch p50 · p95 · p99',
      `${n(summary.batchMs.p50)} · ${n(summary.batchMs.p95)} · ${n(summary.batchMs.p99)} ms`,
    ],
    ...Object.entries(summary.methodShares).map(([method, share]): [string, string] => [
      `method ${method}`,
      `${n(100 * share)} %`,
    ]),
    ['unbalanced (suspense)', n(summary.unbalancedSubEntries)],
    ['largest entry', `${n(summary.largestEntryLines)} lines`],
    ['conservation residual', `${n(summary.residualLines)} lines · ${n(summary.residualAccounts)} accounts`],
  );
  return table.toString();
}

function methodShares(byMethod: readonly number[]): Record<string, number> {
  const decided = byMethod.reduce((sum, count, code) => (code === 0 ? sum : sum + count), 0);
  return Object.fromEntries(METHOD_NAMES.map((name, i) => [name, (byMethod[i + 1] ?? 0) / Math.max(1, decided)]));
}

/** Lines of the entry with the most, over all its commodities. */
function largestEntry({ subEntryCount, offsets, entryOfSubEntry, entryIds }: Journal): number {
  const lines = new Uint32Array(entryIds.length);
  for (let s = 0; s < subEntryCount; s++) lines[entryOfSubEntry[s]!]! += offsets[s + 1]! - offsets[s]!;
  return lines.reduce((most, count) => Math.max(most, count), 0);
}

/** Nearest rank; 0 of nothing. */
function percentile(sorted: readonly number[], p: number): number {
  return sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)] ?? 0;
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
