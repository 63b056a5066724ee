import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

export function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** Every Markdown file that people read: at the root, in docs, and in packages, samples, tests and bench. */
export function documents(): string[] {
  return [
    ...filesIn('', (name) => name.endsWith('.md'), false),
    ...['docs', 'packages', 'samples', 'tests', 'bench'].flatMap((folder) =>
      filesIn(folder, (name) => name.endsWith('.md')),
    ),
  ];
}

const NOT_OURS = new Set(['node_modules', 'dist', 'build', 'data', 'coverage', '.turbo']);

/** Paths, relative to the root, of the files of a folder that the predicate wants, in a fixed order. */
export function filesIn(folder: string, wanted: (name: string) => boolean, deep = true): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = relative(root, join(root, folder, entry.name));
    if (entry.isDirectory()) return deep && !NOT_OURS.has(entry.name) ? filesIn(path, wanted) : [];
    return wanted(entry.name) ? [path] : [];
  });
}

/** The text without its fenced code, line numbers kept. */
export function prose(text: string): string {
  let fenced = false;
  const lines = text.split('\n').map((line) => {
    const isFence = /^\s*(```|~~~)/.test(line);
    if (isFence) fenced = !fenced;
    return fenced || isFence ? '' : line;
  });
  return lines.join('\n');
}

export function headings(text: string): string[] {
  return [...prose(text).matchAll(/^#{1,6} +(.+?) *$/gm)].map(([, title]) => title!);
}

/** The anchor that GitHub gives a heading. */
export function anchorOf(heading: string): string {
  const words = heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '');
  return words.replace(/\s/g, '-');
}

/** The body rows of the first table below a heading, as cells without their backticks. */
export function tableBelow(text: string, heading: string): string[][] {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => /^#{1,6} /.test(line) && line.replace(/^#+ /, '').trim() === heading);
  if (start < 0) throw new Error(`no heading "${heading}"`);
  const rows: string[][] = [];
  for (const line of lines.slice(start + 1)) {
    if (/^#{1,6} /.test(line)) break;
    if (line.startsWith('|')) rows.push(cellsOf(line));
    else if (rows.length > 0) break;
  }
  if (rows.length < 3) throw new Error(`no table below "${heading}"`);
  return rows.slice(2);
}

function cellsOf(line: string): string[] {
  const inner = line.trim().replace(/^\||\|$/g, '');
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('`', ''));
}
