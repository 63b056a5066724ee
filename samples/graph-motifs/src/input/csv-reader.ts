import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CsvError, parse } from 'csv-parse';
import { EdgeListBuilder, parseId } from './edge-list.js';
import type { EdgeList } from './edge-list.js';
import { GraphError, quoted } from './errors.js';

const FIELDS = 4;
const MICROSECONDS = 1e6;

/** What the parser gives per record with `info`. */
interface CsvRecord {
  readonly record: readonly string[];
  /** Lines read so far. */
  readonly info: { readonly lines: number };
}

/**
 * Reads arcs in time from CSV (RFC 4180): `source,target,rating,time` in this order, time in seconds with up to six
 * decimals, the rating a number that is passed over. A first row of words is a heading; empty rows are passed over.
 *
 * @param source - consumed, and destroyed on error.
 * @throws GraphError naming the line; an error of the source itself as it is.
 */
export async function readCsv(source: Readable): Promise<EdgeList> {
  const edges = new EdgeListBuilder('csv4', true, true);
  let line = 1;
  const parser = parse({ bom: true, info: true, relax_column_count: true, skip_empty_lines: true });
  try {
    await pipeline(source, parser, async (records: AsyncIterable<CsvRecord>) => {
      for await (const { record, info } of records) {
        line = info.lines;
        if (edges.count === 0 && /^[A-Za-z]/.test(record[0]!.trim())) continue;
        addRow(edges, record, line);
      }
    });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new GraphError('LINE_MALFORMED', line + 1, `no valid CSV (${error.code}): ${error.message}`, {
      cause: error,
    });
  }
  return edges.build();
}

function addRow(edges: EdgeListBuilder, record: readonly string[], line: number): void {
  if (record.length !== FIELDS) {
    throw new GraphError(
      'LINE_MALFORMED',
      line,
      `${quoted(record.join(','))} has ${record.length} fields; expected source,target,rating,time`,
    );
  }
  const [source, target, rating, time] = record.map((field) => field.trim());
  if (rating === '' || !Number.isFinite(Number(rating))) {
    throw new GraphError('INVALID_VALUE', line, `rating is ${quoted(rating!)}; expected a number`);
  }
  edges.add(parseId(source!, line, 'source'), parseId(target!, line, 'target'), line, parseTime(time!, line));
}

function parseTime(text: string, line: number): number {
  const timeUs = Math.round(Number(text) * MICROSECONDS);
  if (/^-?[0-9]+([.][0-9]{1,6}0*)?$/.test(text) && Number.isSafeInteger(timeUs)) return timeUs;
  throw new GraphError('INVALID_VALUE', line, `time is ${quoted(text)}; expected seconds with at most six decimals`);
}
