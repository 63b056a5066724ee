/** The demo as its user runs it: a process, its files, its exit status. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  decomposePlain,
  flowsCsv,
  generateJournal,
  journalCsv,
  parseJournalCsv,
} from '@gpu-bridge/sample-je-decomposition';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWithNats } from '../support/nats/servers.js';

const PROGRAM = fileURLToPath(new URL('../../samples/console-driver/dist/main.js', import.meta.url));
const LEDGERS = fileURLToPath(new URL('../../../shared/data/ledgers/', import.meta.url));
const PROCESS_LIMIT_MS = 120_000;

interface Run {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function demo(...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [PROGRAM, ...args],
      { timeout: PROCESS_LIMIT_MS, maxBuffer: 2 ** 26 },
      (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
      },
    );
  });
}

function plainFlows(csv: string): string {
  const journal = parseJournalCsv(csv);
  return [...flowsCsv(journal, decomposePlain(journal))].join('');
}

/** Motifs of the graph of a flows file, by trying all triples. */
function simpleMotifs(flows: string): object {
  const out = new Map<string, Set<string>>();
  for (const row of flows.trimEnd().split('\n').slice(1)) {
    const [from, to] = row.split(',').slice(4, 6) as [string, string];
    for (const name of [from, to]) if (!out.has(name)) out.set(name, new Set());
    if (from !== to) out.get(from)!.add(to);
  }
  const arc = (a: string, b: string): boolean => out.get(a)!.has(b);
  const names = [...out.keys()];
  const count = { arcs: 0, cyclesOf2: 0, cyclesOf3: 0, triangles: 0, splitPairs: 0 };
  for (const a of names) {
    const middles = new Map<string, number>();
    for (const b of names) {
      if (arc(a, b)) count.arcs++;
      if (arc(a, b) && arc(b, a)) count.cyclesOf2++;
      if (!arc(a, b) && !arc(b, a)) continue;
      for (const c of names) {
        if (arc(a, b) && arc(b, c) && arc(c, a)) count.cyclesOf3++;
        if (arc(a, b) && arc(b, c) && c !== a) middles.set(c, (middles.get(c) ?? 0) + 1);
        if ((arc(b, c) || arc(c, b)) && (arc(c, a) || arc(a, c))) count.triangles++;
      }
    }
    for (const k of middles.values()) if (k >= 2) count.splitPairs++;
  }
  const { arcs, cyclesOf2, cyclesOf3, triangles, splitPairs } = count;
  const [twos, threes, sixes] = [cyclesOf2 / 2, cyclesOf3 / 3, triangles / 6];
  return { accounts: names.length, arcs, cyclesOf2: twos, cyclesOf3: threes, triangles: sixes, splitPairs };
}

/** The same rows in another order; with line numbers in the file that must change nothing. */
function reversed(csv: string): string {
  const [header, ...rows] = csv.trimEnd().split('\n');
  return `${[header, ...rows.reverse()].join('\n')}\n`;
}

describe('the demo', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-demo-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };

  it('prints one JSON object for a generated journal, with nothing left over', async () => {
    const { status, stdout } = await demo('--json', '--lines', '20000', '--seed', '7');
    expect(status).toBe(0);
    const summary = JSON.parse(stdout) as Record<string, unknown>;
    expect(summary).toMatchObject({
      residual: 0,
      residualLines: 0,
      residualAccounts: 0,
      device: 'cpu:0',
      executionMode: 'leased',
      fallback: false,
    });
    expect(summary['lines']).toBeGreaterThanOrEqual(20_000);
    expect(summary['entriesPerSecond']).toBeGreaterThan(0);
    expect(summary['entries']).toBe(generateJournal({ lines: 20_000, seed: 7 }).entryIds.length);
  });

  it('tells on standard error how its devices stand while it runs, and leaves standard output to the result', async () => {
    const { status, stdout, stderr } = await demo('--watch', '--json', '--lines', '20000', '--seed', '7');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ residual: 0 });
    expect(stderr).toMatch(/^watch: .* · healthy · .*cpu:0 queue [0-9]+ busy [0-9]+ % done [0-9]+ p95 [0-9.]+ ms$/m);
  });

  it('writes the same flows, byte for byte, whatever the order of lines and the number of workers', async () => {
    const csv = [...journalCsv(generateJournal({ lines: 6_000, seed: 3, unbalancedFraction: 0.1 }))].join('');
    const expected = plainFlows(csv);
    expect(expected).toContain('[suspense]');
    const runs = [
      { name: 'one', input: csv, workers: '1', batch: '16384' },
      { name: 'three', input: reversed(csv), workers: '3', batch: '97' },
    ];
    for (const { name, input, workers, batch } of runs) {
      const out = join(folder, `${name}.flows.csv`);
      const { status, stdout, stderr } = await demo(
        '--input',
        file(`${name}.csv`, input),
        '--flows',
        out,
        '--workers',
        workers,
        '--batch',
        batch,
        '--json',
      );
      expect(stderr).not.toContain('failed');
      expect(status).toBe(0);
      expect(readFileSync(out, 'utf8')).toBe(expected);
      expect((JSON.parse(stdout) as { motifs: object }).motifs).toMatchObject(simpleMotifs(expected));
    }
  });

  it.each(['opencollective-hledger', 'beancount-example'])(
    'decomposes the %s ledger as plain JavaScript does',
    async (ledger) => {
      const input = `${LEDGERS}${ledger}.lines.csv`;
      if (!existsSync(input)) {
        process.stderr.write(`skipped: no ${ledger} beside the repository\n`);
        return;
      }
      const out = join(folder, `${ledger}.flows.csv`);
      const { status, stdout } = await demo('--input', input, '--flows', out, '--json');
      expect(status).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ residual: 0 });
      expect(readFileSync(out, 'utf8')).toBe(plainFlows(readFileSync(input, 'utf8')));
    },
  );

  it('reads an empty journal', async () => {
    const { status, stdout } = await demo('--input', file('none.csv', 'entry_id,account,commodity,amount\n'), '--json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ lines: 0, entries: 0, residual: 0 });
  });

  it.each([
    ['an amount that is no integer', 'entry_id,account,commodity,amount\n1,a,EUR,12.50\n', /row 2.*amount.*12\.50/],
    ['a missing column', 'entry_id,account,amount\n1,a,5\n', /commodity/],
    ['an amount beyond 64 bits', 'entry_id,account,commodity,amount\n1,a,EUR,9223372036854775808\n', /row 2.*amount/],
    [
      'an entry whose amounts reach 2^63 in sum',
      'entry_id,account,commodity,amount\n1,a,EUR,9223372036854775807\n1,b,EUR,-1\n',
      /row 3/,
    ],
    ['a row that is too short', 'entry_id,account,commodity,amount\n1,a\n', /row 2/],
    ['a file that is empty', '', /empty|header/i],
  ])('refuses %s, saying where, and writes nothing', async (name, csv, message) => {
    const out = join(folder, 'refused.flows.csv');
    const { status, stdout, stderr } = await demo('--input', file('bad.csv', csv), '--flows', out);
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(readdirSync(folder).filter((f) => f.startsWith('refused'))).toEqual([]);
  });

  it('explains wrong usage and help', async () => {
    expect(await demo('--linse', '5')).toMatchObject({ status: 2, stdout: '' });
    expect(await demo('--workers', '0')).toMatchObject({ status: 2 });
    expect((await demo('--input', join(folder, 'not-there.csv'))).stderr).toMatch(/ENOENT.*not-there/);
    const help = await demo('--help');
    expect(help.status).toBe(0);
    expect(help.stdout).toMatch(/--input FILE/);
  });
});

describeWithNats('the demo with silos in processes of their own', () => {
  it('decomposes as one process does, on the silo that has the devices', async () => {
    const run = await demo('--json', '--lines', '20000', '--seed', '7', '--batch', '500', '--silos', '3');
    expect(run.status).toBe(0);
    const summary = JSON.parse(run.stdout) as Record<string, unknown>;
    const alone = JSON.parse((await demo('--json', '--lines', '20000', '--seed', '7')).stdout) as Record<
      string,
      unknown
    >;
    for (const field of ['lines', 'entries', 'subEntries', 'flows', 'methodShares', 'residual'])
      expect(summary[field], field).toEqual(alone[field]);
    const { elapsedMs: _, ...motifs } = alone['motifs'] as { elapsedMs: number };
    expect(summary['motifs']).toMatchObject(motifs);
    expect(summary).toMatchObject({
      residual: 0,
      fallback: false,
      silos: [
        { siloId: 'silo-1', batches: summary['batches'] },
        { siloId: 'silo-2', devices: [], batches: 0 },
        { siloId: 'silo-3', devices: [], batches: 0 },
      ],
    });
  });
});
