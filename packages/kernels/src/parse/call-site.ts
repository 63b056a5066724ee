/** Where a definition was made. Lines and columns count from 1. */
export interface CallSite {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

// Kept aside, by body, so that a definition stays plain data.
const sites = new WeakMap<object, CallSite>();

/** Remembers the caller of `entry` (one of the authoring functions) as the place of `body`. */
export function rememberCallSite(body: unknown, entry: (...args: never[]) => unknown): void {
  if (typeof body !== 'function') return; // refused later, with a message of its own
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, entry);
  const site = parseFrame(holder.stack?.split('\n')[1] ?? '');
  if (site !== undefined) sites.set(body, site);
}

export function callSiteOf(body: object): CallSite | undefined {
  return sites.get(body);
}

function parseFrame(frame: string): CallSite | undefined {
  const match = /(?:\(|at )((?:file:\/\/)?[^()]+?):(\d+):(\d+)\)?$/.exec(frame.trim());
  const [, file, line, column] = match ?? [];
  if (file === undefined || file.startsWith('node:')) return undefined;
  return { file, line: Number(line), column: Number(column) };
}
