import { createReadStream } from 'node:fs';
import { extname } from 'node:path';
import { readCsv } from './csv-reader.js';
import type { EdgeList } from './edge-list.js';
import { GraphError } from './errors.js';
import { readMatrixMarket } from './matrix-market-reader.js';
import { readSnap } from './snap-reader.js';

/**
 * Reads a graph file by its extension: `.csv`, `.mtx`, or `.txt`, `.tsv` and `.edges` for SNAP edge lists.
 *
 * @throws GraphError naming the line; an error of the file system as it is.
 */
export async function readGraphFile(path: string): Promise<EdgeList> {
  switch (extname(path).toLowerCase()) {
    case '.csv':
      return readCsv(createReadStream(path));
    case '.mtx':
      return readMatrixMarket(createReadStream(path));
    case '.txt':
    case '.tsv':
    case '.edges':
      return readSnap(createReadStream(path));
    default:
      throw new GraphError(
        'INVALID_ARGUMENT',
        undefined,
        `${path}: expected a file named .txt, .tsv, .edges, .csv or .mtx`,
      );
  }
}
