import { StringDecoder } from 'node:string_decoder';
import { GraphError } from './errors.js';

/** Characters of the longest line; a file without line breaks must not fill memory. */
const MAX_LINE_LENGTH = 1 << 16;

/**
 * Calls `accept` with each line of a UTF-8 text, without its line break, and its number from 1. The last one may lack a
 * line break.
 *
 * @throws GraphError `LINE_MALFORMED` for a line of more than 65,536 characters; what `accept` throws.
 */
export async function readLines(
  source: AsyncIterable<Uint8Array>,
  accept: (line: string, number: number) => void,
): Promise<void> {
  const decoder = new StringDecoder('utf8');
  let number = 0;
  let rest = '';
  const take = (line: string): void => {
    number++;
    if (number === 1 && line.startsWith('\uFEFF')) line = line.slice(1);
    accept(line.endsWith('\r') ? line.slice(0, -1) : line, number);
  };
  for await (const chunk of source) {
    const text = rest + decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      take(text.slice(start, end));
      start = end + 1;
    }
    rest = text.slice(start);
    if (rest.length > MAX_LINE_LENGTH) {
      throw new GraphError('LINE_MALFORMED', number + 1, `longer than ${MAX_LINE_LENGTH} characters; expected an edge`);
    }
  }
  rest += decoder.end();
  if (rest !== '') take(rest);
}
