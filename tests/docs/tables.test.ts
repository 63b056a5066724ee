import { readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { GpuBridgeError, RETRY_ADVICE, checkHints, resolveOptions } from '@gpu-bridge/abstractions';
import { resolveAuditOptions } from '@gpu-bridge/audit';
import { resolveNatsClusterOptions } from '@gpu-bridge/cluster-nats';
import { defineStream } from '@gpu-bridge/grains';
import { resolveSiloOptions } from '@gpu-bridge/silo';
import { describe, expect, it } from 'vitest';
import { startSilo } from '../support/silo.js';
import { cube } from './kernel-examples.js';
import { filesIn, read, root, tableBelow } from './documents.js';

const OPERATIONS = read('docs/OPERATIONS.md');
const names = (rows: readonly string[][]): string[] => rows.map(([name]) => name!).sort();

describe('tables of options', () => {
  it('list every option of addGpuBridge with its default and its range', () => {
    const rows = tableBelow(OPERATIONS, 'Options of addGpuBridge');
    // Both native devices have the same options; the table lists them for the one that has all.
    const defaults = flatten({ ...resolveOptions({ native: { opencl: true } }) });
    expect(names(rows)).toEqual([...defaults.keys()].sort());
    for (const [name, fallback, range] of rows) {
      checkDefault(name!, fallback!, defaults.get(name!));
      checkRange(name!, range!, (value) => resolveOptions(nested(name!.split('.'), value)));
    }
  });

  it('list every option of a silo with its default and its range', () => {
    const rows = tableBelow(OPERATIONS, 'Options of a silo');
    const defaults = flatten({ ...resolveSiloOptions() });
    expect(names(rows)).toEqual([...defaults.keys()].sort());
    for (const [name, fallback, range] of rows) {
      checkDefault(name!, fallback!, defaults.get(name!));
      checkRange(name!, range!, (value) => resolveSiloOptions({ [name!]: value }));
    }
  });

  it('list every option of the NATS port with its default and its range', () => {
    const rows = tableBelow(OPERATIONS, 'Connecting to NATS');
    const needed = { servers: ['127.0.0.1:4222'], clusterId: 'prod' };
    const fieldsOf = (options: object): string[] => {
      const error = thrownBy(() => resolveNatsClusterOptions({ ...needed, ...options }));
      if (!GpuBridgeError.is(error, 'INVALID_ARGUMENT')) throw error;
      return error.details.expected.replace('one of ', '').split(', ');
    };
    const inTls = fieldsOf({ tls: { nonsense: 1 } }).map((field) => `tls.${field}`);
    const fields = fieldsOf({ nonsense: 1 }).flatMap((field) => (field === 'tls' ? inTls : [field]));
    expect(names(rows)).toEqual(fields.sort());
    const defaults = flatten(resolveNatsClusterOptions(needed));
    for (const [name, fallback, range] of rows) {
      checkDefault(name!, fallback!, defaults.get(name!));
      checkRange(name!, range!, (value) => resolveNatsClusterOptions({ ...needed, [name!]: value }));
    }
  });

  it('list every option of an audit log with its default and its range', () => {
    const rows = tableBelow(OPERATIONS, 'Audit');
    const defaults = flatten({ ...resolveAuditOptions({ folder: 'audit' }), folder: undefined, kernels: undefined });
    expect(names(rows)).toEqual([...defaults.keys()].sort());
    for (const [name, fallback, range] of rows) {
      if (name !== 'kernels') checkDefault(name!, fallback!, defaults.get(name!));
      checkRange(`audit.${name!}`, range!, (value) => resolveAuditOptions({ folder: 'audit', [name!]: value }));
    }
  });

  it('list every option of a stream with its default and its range', () => {
    const rows = tableBelow(OPERATIONS, 'Stream grains');
    const needed = { kernel: cube };
    const { pressure$: _, ...defaults } = defineStream(needed);
    const { kernel, uniforms, hints, ...others } = defaults;
    expect(names(rows)).toEqual([...flatten(others).keys(), ...Object.keys({ kernel, uniforms, hints })].sort());
    for (const [name, fallback, range] of rows) {
      checkDefault(name!, fallback!, flatten(others).get(name!));
      checkRange(name!, range!, (value) => defineStream({ ...needed, ...nested(name!.split('.'), value) }));
    }
  });

  it('list every execution hint', () => {
    const error = thrownBy(() => checkHints({ nonsense: 1 } as never));
    if (!GpuBridgeError.is(error, 'INVALID_ARGUMENT')) throw error;
    const fields = error.details.expected.replace('one of ', '').split(', ');
    expect(names(tableBelow(OPERATIONS, 'Execution hints'))).toEqual(fields.sort());
  });
});

describe('table of errors', () => {
  it('lists every code with the advice that it carries, and says what to do', () => {
    const rows = tableBelow(OPERATIONS, 'Errors');
    expect(Object.fromEntries(rows.map(([code, advice]) => [code, advice]))).toEqual(RETRY_ADVICE);
    for (const [code, , meaning, action] of rows)
      expect([code, meaning !== '', action !== '']).toEqual([code, true, true]);
  });
});

describe('table of a device snapshot', () => {
  it('lists every field that getInfo gives', async () => {
    await using silo = await startSilo({ cpu: { workers: 1, arenaMiB: 1 } });
    const { description, ...device } = silo.bridge.getInfo().devices[0]!;
    const fields = [...Object.keys(description).map((name) => `description.${name}`), ...flatten(device).keys()];
    expect(names(tableBelow(OPERATIONS, 'What getInfo says'))).toEqual(fields.sort());
  });
});

describe('tables of packages', () => {
  const packages = readdirSync(join(root, 'packages')).sort();

  it('list every package in the README, with a link to it', () => {
    const rows = tableBelow(read('README.md'), 'Packages');
    expect(names(rows)).toEqual(packages.map((name) => `[@gpu-bridge/${name}](packages/${name})`));
  });

  it('give the layers that the dependency rules hold', () => {
    const { forbidden } = createRequire(import.meta.url)(join(root, '.dependency-cruiser.cjs')) as {
      readonly forbidden: readonly { readonly name: string; readonly comment: string }[];
    };
    const rows = tableBelow(read('docs/DESIGN.md'), 'Layout and layers');
    expect(names(rows)).toEqual(packages);
    for (const [name, imports] of rows) {
      const rule = forbidden.find((candidate) => candidate.name === `layer-${name}`);
      const allowed = /may import of ours: (.*?)\./.exec(rule?.comment ?? '')?.[1] ?? '';
      expect([name, imports]).toEqual([name, allowed.split(', ').filter(isHere).join(', ') || 'nothing']);
    }
    function isHere(name: string): boolean {
      return packages.includes(name);
    }
  });
});

describe('table of the demo', () => {
  it('lists every option that its help explains', () => {
    const sources = filesIn('samples/console-driver/src', (name) => name.endsWith('.ts')).map(read);
    const help = sources.flatMap((source) => [...source.matchAll(/^ {2}(--[a-z-]+(?: [A-Z]+)?) {2,}/gm)]);
    expect(help.length).toBeGreaterThan(0);
    const options = help.map(([, option]) => option!).sort();
    expect(names(tableBelow(read('README.md'), 'Options of the demo'))).toEqual(options);
  });
});

describe('generated tables', () => {
  it('of the ring ABI are what the schema says', () => {
    const text = read('docs/DESIGN.md');
    const current = withAbiTables(text);
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(join(root, 'docs/DESIGN.md'), current);
    else expect(text, 'stale: UPDATE_DOCS=1 npx vitest run tests/docs/tables.test.ts writes it').toBe(current);
  });
});

// --- options -----------------------------------------------------------------------------------------------------------

/** Options by path. Lists and maps that callers fill are one option each. */
function flatten(value: object, path = ''): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const [key, inner] of Object.entries(value) as [string, unknown][]) {
    const isGroup =
      typeof inner === 'object' && inner !== null && !Array.isArray(inner) && Object.keys(inner).length > 0;
    if (isGroup) for (const [name, leaf] of flatten(inner, `${path}${key}.`)) found.set(name, leaf);
    else found.set(`${path}${key}`, inner);
  }
  return found;
}

function nested([name, ...rest]: readonly string[], value: unknown): object {
  return { [name!]: rest.length === 0 ? value : nested(rest, value) };
}

/** A number in the table is the default itself; words stand for a default that is none. */
function checkDefault(name: string, cell: string, actual: unknown): void {
  const stated = numberIn(cell);
  if (stated !== undefined || typeof actual === 'number') expect([name, stated]).toEqual([name, actual]);
}

/** Both ends of a range are accepted, what lies one beyond them is refused by name. */
function checkRange(name: string, cell: string, resolve: (value: number) => unknown): void {
  const ends = cell.split(' … ').map(numberIn);
  const [low, high] = ends;
  if (ends.length !== 2 || low === undefined || high === undefined) {
    expect([name, ends.some((end) => end !== undefined)]).toEqual([name, false]); // words: nothing to probe
    return;
  }
  for (const value of [low, high]) expect(() => resolve(value), `${name} = ${value}`).not.toThrow();
  for (const value of [low - 1, high + 1, low + 0.5]) {
    const error = thrownBy(() => resolve(value));
    expect([name, value, GpuBridgeError.is(error, 'INVALID_ARGUMENT') && error.details.field]).toEqual([
      name,
      value,
      `options.${name}`,
    ]);
  }
}

/** `4,096`, `10^6` and `2^31 − 1` are numbers; anything else is not. */
function numberIn(cell: string): number | undefined {
  const match = /^(\d[\d,]*)(?:\^(\d+))?(?: − (\d+))?$/.exec(cell.trim());
  if (match === null) return undefined;
  const [, base, exponent = '1', less = '0'] = match;
  return Number(base!.replaceAll(',', '')) ** Number(exponent) - Number(less);
}

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

// --- ring ABI ------------------------------------------------------------------------------------------------------------

interface RingSchema {
  readonly constants: Readonly<Record<string, { readonly value: number; readonly doc: string }>>;
  readonly enums: Readonly<
    Record<
      string,
      {
        readonly doc: string;
        readonly values: Readonly<Record<string, { readonly value: number; readonly doc: string }>>;
      }
    >
  >;
  readonly structs: Readonly<
    Record<
      string,
      { readonly doc: string; readonly fields: readonly { readonly name: string; readonly doc: string }[] }
    >
  >;
}

/** The document with its section between the two markers written anew. */
function withAbiTables(text: string): string {
  const schema = JSON.parse(read('packages/protocol/schema/ring-abi.json')) as RingSchema;
  const section = /(<!-- generated: ring-abi .*-->\n)[\s\S]*?(<!-- end: ring-abi -->)/;
  expect(section.test(text)).toBe(true);
  return text.replace(section, (_, start: string, end: string) => `${start}\n${abiTables(schema)}\n${end}`);
}

function abiTables({ constants, enums, structs }: RingSchema): string {
  const out: string[] = [];
  const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): void => {
    out.push(row(head), row(head.map(() => '---')), ...rows.map(row), '');
  };
  for (const [name, { doc, fields }] of Object.entries(structs)) {
    out.push(`**${name}.** ${doc}`, '');
    table(
      ['word', 'field', 'meaning'],
      fields.map((field, word) => [word, `\`${field.name}\``, field.doc]),
    );
  }
  for (const [name, { doc, values }] of Object.entries(enums)) {
    out.push(`**${name}.** ${doc}`, '');
    table(
      ['value', 'name', 'meaning'],
      Object.entries(values).map(([key, { value, doc: meaning }]) => [value, `\`${key}\``, meaning]),
    );
  }
  table(
    ['constant', 'value', 'meaning'],
    Object.entries(constants).map(([name, { value, doc }]) => [`\`${name}\``, value, doc]),
  );
  return out.join('\n');
}

function row(cells: readonly (string | number)[]): string {
  return `| ${cells.join(' | ')} |`;
}
