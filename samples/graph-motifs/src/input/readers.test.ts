import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { readCsv } from './csv-reader.js';
import type { EdgeList } from './edge-list.js';
import { GraphError } from './errors.js';
import type { GraphErrorCode } from './errors.js';
import { readMatrixMarket } from './matrix-market-reader.js';
import { readGraphFile } from './read-graph.js';
import { readSnap } from './snap-reader.js';

/** A text as bytes in pieces that break lines and characters. */
function pieces(text: string, size = 3): Readable {
  const bytes = Buffer.from(text);
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) parts.push(bytes.subarray(at, at + size));
  return Readable.from(parts);
}

function rowsOf({ source, target }: EdgeList): [number, number][] {
  return [...source].map((from, i) => [from, target[i]!]);
}

const BANNER = '%%MatrixMarket matrix coordinate';

describe('the readers', () => {
  it('read SNAP edge lists with comments, headings, blanks and any line break', async () => {
    const text = '\uFEFF# é\nFromNodeId\tToNodeId\n0\t1\r\n\n  7   4294967295  \n% x\n7 7';
    const edges = await readSnap(pieces(text));
    expect(rowsOf(edges)).toEqual([
      [0, 1],
      [7, 4_294_967_295],
      [7, 7],
    ]);
    expect(edges).toMatchObject({ format: 'snap', isDirected: true, timeUs: undefined });
  });

  it('read CSV with quotes, a heading and times with decimals', async () => {
    const edges = await readCsv(pieces('source,target,rating,time\n6,2,4,1289241912\n"6",5,-10,1289241912.5\n\n'));
    expect(rowsOf(edges)).toEqual([
      [6, 2],
      [6, 5],
    ]);
    expect([...edges.timeUs!]).toEqual([1_289_241_912_000_000, 1_289_241_912_500_000]);
  });

  it('read MatrixMarket files of any field, symmetric and general ones', async () => {
    const symmetric = await readMatrixMarket(pieces(`${BANNER} real symmetric\n% x\n3 3 2\n2 1 0.5\n3 3 1e3\n`));
    expect(symmetric).toMatchObject({ format: 'mtx', isDirected: false });
    expect(rowsOf(symmetric)).toEqual([
      [1, 0],
      [2, 2],
    ]);
    const general = await readMatrixMarket(pieces(`${BANNER} pattern general\n2 2 1\n1 2`));
    expect(general.isDirected).toBe(true);
  });

  it.each<[string, (source: Readable) => Promise<EdgeList>, string, GraphErrorCode, number]>([
    ['a third field', readSnap, '0 1\n0 1 2\n', 'LINE_MALFORMED', 2],
    ['a lone field', readSnap, '0 1\n\n5\n', 'LINE_MALFORMED', 3],
    ['words after the first edge', readSnap, 'from to\n0 1\na b\n', 'INVALID_VALUE', 3],
    ['a negative id', readSnap, '-1 2\n', 'INVALID_VALUE', 1],
    ['an id beyond 32 bits', readSnap, '0 4294967296\n', 'INVALID_VALUE', 1],
    ['a line without end', readSnap, '1'.repeat(70_000), 'LINE_MALFORMED', 1],
    ['a row that is too short', readCsv, '1,2,3,4\n1,2,3\n', 'LINE_MALFORMED', 2],
    ['a rating that is no number', readCsv, '1,2,good,4\n', 'INVALID_VALUE', 1],
    ['a time with seven decimals', readCsv, '1,2,3,4\n\n1,2,3,4.1234567\n', 'INVALID_VALUE', 3],
    ['a quote that is not closed', readCsv, '1,2,3,4\n"1,2,3,4\n', 'LINE_MALFORMED', 2],
    ['no banner', readMatrixMarket, '3 3 1\n1 2\n', 'HEADER_INVALID', 1],
    ['a dense matrix', readMatrixMarket, '%%MatrixMarket matrix array real general\n', 'HEADER_INVALID', 1],
    ['a matrix that is not square', readMatrixMarket, `${BANNER} real general\n2 3 0\n`, 'HEADER_INVALID', 2],
    ['an entry outside', readMatrixMarket, `${BANNER} pattern general\n2 2 1\n1 3\n`, 'INVALID_VALUE', 3],
    ['a row 0', readMatrixMarket, `${BANNER} pattern general\n2 2 1\n0 1\n`, 'INVALID_VALUE', 3],
    ['an entry without its value', readMatrixMarket, `${BANNER} real general\n2 2 1\n1 1\n`, 'LINE_MALFORMED', 3],
    ['an entry too many', readMatrixMarket, `${BANNER} pattern general\n2 2 1\n1 1\n1 2\n`, 'LINE_MALFORMED', 4],
    ['an entry too few', readMatrixMarket, `${BANNER} pattern general\n2 2 2\n1 1\n`, 'ENTRIES_MISSING', 3],
    ['an empty file', readMatrixMarket, '', 'HEADER_INVALID', 0],
  ])('refuse %s, naming the line', async (_, read, text, code, line) => {
    const error: unknown = await read(pieces(text, 1_000)).catch((thrown: unknown) => thrown);
    if (!GraphError.is(error, code)) throw error;
    expect(error.line).toBe(line);
  });

  describe('of files', () => {
    const folder = mkdtempSync(join(tmpdir(), 'graph-motifs-'));
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it('are chosen by extension, and errors of the file system come as they are', async () => {
      const path = join(folder, 'a.TXT');
      writeFileSync(path, '1 2\n');
      expect(rowsOf(await readGraphFile(path))).toEqual([[1, 2]]);
      await expect(readGraphFile(join(folder, 'a.json'))).rejects.toThrow(/expected a file named/);
      for (const name of ['none.txt', 'none.csv', 'none.mtx'])
        await expect(readGraphFile(join(folder, name))).rejects.toMatchObject({ code: 'ENOENT' });
    });
  });
});
