import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { tokenizer } from 'acorn';
import { callSiteOf } from './call-site.js';

interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Turns offsets in a function's text into positions a person can open. */
export type Locate = (offset: number) => Position;

/**
 * Positions in the source file where the definition's caller is known and its file can be read and matched, else in the
 * function's own text under `label`. Reads the file only when called.
 */
export function locator(label: string, body: object, text: string): Locate {
  let resolved: Locate | undefined;
  return (offset) =>
    (resolved ??= inFile(body, text) ?? ((at) => ({ file: label, ...lineAndColumn(text, at) })))(offset);
}

function inFile(body: object, text: string): Locate | undefined {
  const site = callSiteOf(body);
  if (site === undefined) return undefined;
  const file = site.file.startsWith('file:') ? fileURLToPath(site.file) : site.file;
  let source: string;
  try {
    source = readFileSync(file, 'utf8');
  } catch {
    return undefined; // A bundle without its files, or a virtual module: the function's own text must do.
  }
  const from = offsetOfLine(source, site.line);
  const exact = source.indexOf(text, from);
  if (exact >= 0) return (offset) => ({ file, ...lineAndColumn(source, exact + offset) });
  const pairs = alignTokens(text, blankComments(source), from);
  if (pairs === undefined) return undefined;
  return (offset) => {
    let best = pairs[0] ?? [0, from];
    for (const pair of pairs) if (pair[0] <= offset) best = pair;
    return { file, ...lineAndColumn(source, best[1]) };
  };
}

/**
 * Pairs offsets of the running text with offsets of the source it was made from. Type annotations are gone from the
 * running text and its white space differs, but its names, numbers and operators still stand in the source in order.
 */
function alignTokens(text: string, source: string, from: number): (readonly [number, number])[] | undefined {
  const pairs: (readonly [number, number])[] = [];
  let cursor = from;
  let missed = 0;
  for (const token of tokenizer(text, { ecmaVersion: 2022 })) {
    const word = text.slice(token.start, token.end);
    // Printers add and remove these.
    if (/^[;,(){}]?$/.test(word)) continue;
    const found = findWord(source, word, cursor, cursor + (pairs.length === 0 ? 4000 : 200));
    if (found < 0) {
      missed++;
      continue;
    }
    pairs.push([token.start, found]);
    cursor = found + word.length;
  }
  return pairs.length > missed * 4 ? pairs : undefined;
}

function findWord(source: string, word: string, from: number, limit: number): number {
  const isName = /^\w/.test(word);
  for (let at = source.indexOf(word, from); at >= 0 && at < limit; at = source.indexOf(word, at + 1)) {
    if (!isName || (!/\w/.test(source[at - 1] ?? '') && !/\w/.test(source[at + word.length] ?? ''))) return at;
  }
  return -1;
}

/** Comments become spaces, so that offsets stay and words in them match nothing. */
function blankComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, (match) =>
    match.startsWith('/') ? match.replace(/[^\n]/g, ' ') : match,
  );
}

function offsetOfLine(text: string, line: number): number {
  let offset = 0;
  for (let n = 1; n < line; n++) {
    const next = text.indexOf('\n', offset);
    if (next < 0) return 0;
    offset = next + 1;
  }
  return offset;
}

export function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: offset - (before.lastIndexOf('\n') + 1) + 1 };
}
