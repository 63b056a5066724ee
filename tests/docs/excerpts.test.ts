import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { documents, filesIn, read, root } from './documents.js';

/**
 * `<!-- excerpt: PATH -->` before a fence: the file at PATH, from the root, has these lines in this order without a
 * gap. `<!-- excerpt: PATH#NAME -->`: they are all that stands there between `--8<-- [start:NAME]` and `[end:NAME]`.
 */
interface Excerpt {
  readonly document: string;
  readonly line: number;
  readonly path: string;
  readonly region: string | undefined;
  readonly code: string;
}

const EXCERPT = /^<!-- *excerpt: *([^\s#>]+)(?:#([\w-]+))? *-->\n+```\w*\n([\s\S]*?)\n```$/gm;

const excerpts: Excerpt[] = documents().flatMap((document) => {
  const text = read(document);
  return [...text.matchAll(EXCERPT)].map(([, path, region, code], i, all) => {
    const line = text.slice(0, all[i]!.index).split('\n').length;
    return { document, line, path: path!, region, code: code! };
  });
});

/** Without the indentation that all lines share. */
function dedent(text: string): string {
  const lines = text.split('\n');
  const indents = lines.filter((line) => line.trim() !== '').map((line) => /^ */.exec(line)![0].length);
  const shared = Math.min(...indents);
  return lines.map((line) => line.slice(shared)).join('\n');
}

function regionOf(source: string, name: string): string {
  const lines = source.split('\n');
  const start = lines.findIndex((line) => line.includes(`--8<-- [start:${name}]`));
  const end = lines.findIndex((line) => line.includes(`--8<-- [end:${name}]`));
  if (start < 0 || end < start) throw new Error(`no region ${name}`);
  return dedent(lines.slice(start + 1, end).join('\n'));
}

/** The lines of the source at which the code stands, each with the indentation it needs. */
function contains(source: string, code: string): boolean {
  const lines = source.split('\n');
  const wanted = code.split('\n');
  return lines.some((_, at) => dedent(lines.slice(at, at + wanted.length).join('\n')) === code);
}

describe('code in documents', () => {
  it('opens every excerpt in the form that is checked', () => {
    for (const document of documents()) {
      const marked = [...read(document).matchAll(/^<!-- *excerpt:/gm)].length;
      expect(`${document}: ${excerpts.filter((e) => e.document === document).length}`).toBe(`${document}: ${marked}`);
    }
  });

  it.each(excerpts)('$document:$line is what stands in $path', ({ path, region, code }) => {
    expect(existsSync(join(root, path))).toBe(true);
    const source = read(path);
    if (region !== undefined) expect(code).toBe(regionOf(source, region));
    else expect(contains(source, code)).toBe(true);
  });

  it('in docs is cut from files that run under tests/docs', () => {
    const sources = filesIn('tests/docs', (name) => name.endsWith('.ts')).map(read);
    const unknown = documents()
      .filter((document) => document.startsWith('docs/'))
      .flatMap((document) => {
        const fences = [...read(document).matchAll(/^```ts\n([\s\S]*?)\n```$/gm)].map(([, code]) => code!);
        const wanting = fences.filter((code) => !sources.some((source) => contains(source, code)));
        return wanting.map((code) => `${document}: ${code}`);
      });
    expect(unknown).toEqual([]);
  });

  it('shows in the README an example of at most 30 lines that a test runs', () => {
    const [example, ...others] = excerpts.filter((e) => e.document === 'README.md');
    expect(example).toMatchObject({ path: 'tests/docs/readme-example.ts', region: 'readme' });
    expect(others).toEqual([]);
    expect(example!.code.split('\n').length).toBeLessThanOrEqual(30);
  });
});
