import { StringDecoder } from 'node:string_decoder';

/** A line of a device host: a verb and its values, decoded; native/README.md "Frames". */
export interface HostMessage {
  readonly verb: string;
  readonly values: ReadonlyMap<string, string>;
}

/** A line that is longer is cut: a build log has room, a host that writes garbage cannot fill our memory. */
const MOST_LINE_CHARACTERS = 2 ** 22;

/** Parses a line; undefined for what no host of ours writes. */
export function parseHostMessage(line: string): HostMessage | undefined {
  const [verb, ...tokens] = line.trim().split(' ').filter(Boolean);
  if (verb === undefined || !/^[a-z]+$/.test(verb)) return undefined;
  const values = new Map<string, string>();
  for (const token of tokens) {
    const equals = token.indexOf('=');
    if (equals < 1) return undefined;
    values.set(token.slice(0, equals), decoded(token.slice(equals + 1)));
  }
  return { verb, values };
}

/** Cuts a stream of bytes into lines, wherever its chunks end. */
export class LineSplitter {
  private readonly decoder = new StringDecoder('utf8');
  private rest = '';

  constructor(private readonly onLine: (line: string) => void) {}

  push(chunk: Buffer): void {
    const lines = (this.rest + this.decoder.write(chunk)).split('\n');
    this.rest = lines.pop()!.slice(0, MOST_LINE_CHARACTERS);
    for (const line of lines) this.onLine(line);
  }

  /** The stream has ended; what has no newline is a line too. */
  end(): void {
    const last = this.rest + this.decoder.end();
    this.rest = '';
    if (last !== '') this.onLine(last);
  }
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value; // no UTF-8: a driver's text in another encoding
  }
}
