import { EdgeListBuilder, parseId } from './edge-list.js';
import type { EdgeList } from './edge-list.js';
import { GraphError, quoted } from './errors.js';
import { readLines } from './lines.js';

/**
 * Reads an edge list as SNAP publishes them: `from to` per line, parted by blanks or tabs. Lines that begin with `#` or `%`
 * and empty ones are passed over; so are lines of words before the first edge.
 *
 * @throws GraphError naming the line; an error of the source itself as it is.
 */
export async function readSnap(source: AsyncIterable<Uint8Array>): Promise<EdgeList> {
  const edges = new EdgeListBuilder('snap', true);
  await readLines(source, (text, line) => {
    const trimmed = text.trim();
    if (trimmed === '' || trimmed.startsWith('#') || trimmed.startsWith('%')) return;
    if (edges.count === 0 && /^[A-Za-z]/.test(trimmed)) return;
    const fields = trimmed.split(/\s+/);
    if (fields.length !== 2) {
      throw new GraphError('LINE_MALFORMED', line, `${quoted(text)} has ${fields.length} fields; expected "from to"`);
    }
    edges.add(parseId(fields[0]!, line, 'from'), parseId(fields[1]!, line, 'to'), line);
  });
  return edges.build();
}
