import type { DeviceDescription, GpuResult } from '@gpu-bridge/abstractions';
import { METHOD_NAMES } from '@gpu-bridge/sample-je-decomposition';
import type { Decomposition, Journal } from '@gpu-bridge/sample-je-decomposition';
import Table from 'cli-table3';
import type { MotifScan } from './motif-scan.js';

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
  /** Ids of the devices that ran batches, the busiest first. */
  readonly device: string;
  /** For people; its id where it belongs to another process. */
  readonly deviceName: string;
  readonly deviceType: string;
  readonly executionMode: string;
  readonly fallback: boolean;
  /** 0 where the device belongs to another process. */
  readonly executors: number;
  /** Where the batches ran, when they ran in silo processes. */
  readonly silos: readonly SiloShare[];
  /** Of one batch, from submission to its last result. */
  readonly batches: number;
  readonly batchMs: { readonly p50: number; readonly p95: number; readonly p99: number };
  /** Share of the sub-entries that have flows, by the method that decided them. */
  readonly methodShares: Readonly<Record<string, number>>;
  readonly unbalancedSubEntries: number;
  readonly largestEntryLines: number;
  readonly motifs: MotifScan;
}

/** Batches of one silo. */
interface SiloShare {
  readonly siloId: string;
  /** Ids of its devices. */
  readonly devices: readonly string[];
  readonly batches: number;
  readonly batchesByDevice: Readonly<Record<string, number>>;
}

/** A decomposition that has ended, and what it ran on. */
export interface DecomposedOn {
  readonly journal: Journal;
  readonly decomposition: Decomposition;
  readonly elapsedMs: number;
  /** Of this process. */
  readonly devices: readonly DeviceDescription[];
  readonly silos: readonly { readonly siloId: string; readonly devices: readonly string[] }[];
  /** Silo of each job. */
  readonly ranOn: ReadonlyMap<string, string>;
  readonly motifs: MotifScan;
}

export function summarise(run: DecomposedOn): Summary {
  const { journal, decomposition, elapsedMs } = run;
  const { conservation, jobs, subEntriesByMethod, flowCount, unbalancedSubEntries } = decomposition;
  const seconds = elapsedMs / 1_000;
  const used = countBy(jobs.map(({ deviceId }) => deviceId));
  const device = run.devices.find(({ id }) => id === used[0]?.[0]) ?? run.devices[0];
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
    device: used.map(([id]) => id).join(', ') || (device?.id ?? 'none'),
    deviceName: device?.name ?? used[0]?.[0] ?? 'none',
    deviceType: jobs[0]?.deviceType ?? device?.type ?? 'none',
    executionMode: jobs[0]?.executionMode ?? device?.executionMode ?? 'none',
    fallback: jobs.some(({ fallback }) => fallback),
    executors: device?.executors ?? 0,
    silos: run.silos.map((silo) =>
      shareOf(
        silo,
        jobs.filter(({ jobId }) => run.ranOn.get(jobId) === silo.siloId),
      ),
    ),
    batches: jobs.length,
    batchMs: {
      p50: round(percentile(batchMs, 50)),
      p95: round(percentile(batchMs, 95)),
      p99: round(percentile(batchMs, 99)),
    },
    methodShares: methodShares(subEntriesByMethod),
    unbalancedSubEntries,
    largestEntryLines: largestEntry(journal),
    motifs: run.motifs,
  };
}

export function summaryTable(summary: Summary): string {
  const n = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 2 });
  const table = new Table({ style: { head: [], border: [] }, colAligns: ['left', 'right'] });
  table.push(
    summary.silos.length === 0
      ? ['device', `${summary.device} (${summary.deviceName}, ${summary.executors} workers)`]
      : ['device', summary.device],
    ...summary.silos.map((silo): [string, string] => [
      `batches on ${silo.siloId}`,
      `${n(silo.batches)} (${silo.devices.length === 0 ? 'no device' : placesOf(silo)})`,
    ]),
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
    ...motifRows(summary.motifs),
    ['conservation residual', `${n(summary.residualLines)} lines · ${n(summary.residualAccounts)} accounts`],
  );
  return table.toString();
}

function motifRows(motifs: MotifScan): [string, string][] {
  const n = (value: number | string): string => value.toLocaleString('en');
  const { widestSplit, cycle } = motifs;
  return [
    ['flow graph', `${n(motifs.accounts)} accounts · ${n(motifs.arcs)} arcs, scanned in ${n(motifs.elapsedMs)} ms`],
    ['triangles · 4-cycles', `${n(motifs.triangles)} · ${n(motifs.fourCycles)}`],
    ['circles of 2 · of 3', `${n(motifs.cyclesOf2)} · ${n(motifs.cyclesOf3)}`],
    ['pairs split and merged', n(motifs.splitPairs)],
    ...(widestSplit
      ? [
          ['widest split', `${widestSplit.from} → ${n(widestSplit.accounts)} accounts → ${widestSplit.to}`] as [
            string,
            string,
          ],
        ]
      : []),
    ...(cycle ? [['a circle', cycle.join(' → ')] as [string, string]] : []),
  ];
}

function shareOf(
  silo: { readonly siloId: string; readonly devices: readonly string[] },
  jobs: readonly GpuResult[],
): SiloShare {
  const batchesByDevice = Object.fromEntries(countBy(jobs.map(({ deviceId }) => deviceId)));
  return { siloId: silo.siloId, devices: silo.devices, batches: jobs.length, batchesByDevice };
}

function placesOf({ devices, batchesByDevice }: SiloShare): string {
  return devices.map((id) => `${id}: ${batchesByDevice[id] ?? 0}`).join(', ');
}

/** Values with how often they occur, most frequent first. */
function countBy(values: readonly string[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a);
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
