import { EdgeListBuilder, MAX_ROWS, parseId } from './edge-list.js';
import type { EdgeList } from './edge-list.js';
import { GraphError, quoted } from './errors.js';
import { readLines } from './lines.js';

const VALUES_OF_FIELD: Readonly<Record<string, number>> = { pattern: 0, real: 1, integer: 1, complex: 2 };
const SYMMETRIES = ['general', 'symmetric', 'skew-symmetric', 'hermitian'];

/**
 * Reads a square sparse matrix in MatrixMarket's coordinate format. An entry of row i and column j is an edge between the
 * ids i - 1 and j - 1, an arc from the one to the other where the matrix is `general`; values are passed over.
 *
 * @throws GraphError naming the line; an error of the source itself as it is.
 */
export async function readMatrixMarket(source: AsyncIterable<Uint8Array>): Promise<EdgeList> {
  const reader = new MatrixMarketReader();
  await readLines(source, (text, line) => reader.accept(text, line));
  return reader.finish();
}

class MatrixMarketReader {
  private edges: EdgeListBuilder | undefined;
  private valuesPerEntry = 0;
  private size: { readonly order: number; readonly entries: number } | undefined;
  private lines = 0;

  accept(text: string, line: number): void {
    this.lines = line;
    if (this.edges === undefined) {
      this.edges = this.readBanner(text, line);
      return;
    }
    const trimmed = text.trim();
    if (trimmed === '' || trimmed.startsWith('%')) return;
    const fields = trimmed.split(/\s+/);
    if (this.size === undefined) this.size = readSize(fields, text, line);
    else this.addEntry(this.edges, this.size, fields, text, line);
  }

  finish(): EdgeList {
    if (this.edges === undefined || this.size === undefined) {
      throw new GraphError('HEADER_INVALID', this.lines, 'the file ends before the line "rows columns entries"');
    }
    if (this.edges.count !== this.size.entries) {
      throw new GraphError(
        'ENTRIES_MISSING',
        this.lines,
        `the file ends after ${this.edges.count} entries; its header says ${this.size.entries}`,
      );
    }
    return this.edges.build();
  }

  private readBanner(text: string, line: number): EdgeListBuilder {
    const [banner, object, format, field = '', symmetry = ''] = text.trim().toLowerCase().split(/\s+/);
    const values = VALUES_OF_FIELD[field];
    const isKnown = banner === '%%matrixmarket' && object === 'matrix' && format === 'coordinate';
    if (!isKnown || values === undefined || !SYMMETRIES.includes(symmetry)) {
      throw new GraphError(
        'HEADER_INVALID',
        line,
        `${quoted(text)}; expected "%%MatrixMarket matrix coordinate" with one of ` +
          `${Object.keys(VALUES_OF_FIELD).join(', ')} and one of ${SYMMETRIES.join(', ')}`,
      );
    }
    this.valuesPerEntry = values;
    return new EdgeListBuilder('mtx', symmetry === 'general');
  }

  private addEntry(
    edges: EdgeListBuilder,
    { order, entries }: NonNullable<MatrixMarketReader['size']>,
    fields: readonly string[],
    text: string,
    line: number,
  ): void {
    if (fields.length !== 2 + this.valuesPerEntry) {
      throw new GraphError(
        'LINE_MALFORMED',
        line,
        `${quoted(text)} has ${fields.length} fields; expected row, column and ${this.valuesPerEntry} values`,
      );
    }
    if (edges.count === entries) {
      throw new GraphError('LINE_MALFORMED', line, `entry ${entries + 1}; the header says ${entries}`);
    }
    const [row, column] = [parseId(fields[0]!, line, 'row', 1), parseId(fields[1]!, line, 'column', 1)];
    if (row > order || column > order) {
      throw new GraphError('INVALID_VALUE', line, `${quoted(text)} is outside a matrix of ${order} rows`);
    }
    edges.add(row - 1, column - 1, line);
  }
}

function readSize(fields: readonly string[], text: string, line: number): { order: number; entries: number } {
  if (fields.length !== 3) {
    throw new GraphError('HEADER_INVALID', line, `${quoted(text)}; expected "rows columns entries"`);
  }
  const [rows, columns, entries] = fields.map((field, i) => parseId(field, line, ['rows', 'columns', 'entries'][i]!));
  if (rows !== columns) {
    throw new GraphError('HEADER_INVALID', line, `a matrix of ${rows} rows and ${columns} columns is no graph`);
  }
  if (entries! > MAX_ROWS) {
    throw new GraphError('TOO_MANY_ROWS', line, `${entries} entries; a graph of this sample has at most ${MAX_ROWS}`);
  }
  return { order: rows!, entries: entries! };
}
