import { locator } from './locate.js';
import type { Locate } from './locate.js';
import { parseBody } from './parse-body.js';
import type { ParsedBody } from './parse-body.js';

/** Where the tree of a body comes from: its running text, or the source file it was written in. */
export interface BodySource {
  /** Position of an offset of the tree, less the tree's `shift`. */
  readonly locate: Locate;
  /** @throws BodySyntaxError */
  parse(): ParsedBody;
}

// By body, so that a definition stays plain data and its specialisations share it.
const registered = new WeakMap<object, BodySource>();

/** From now on this body is read from `source` instead of its own text. */
export function registerBodySource(body: object, source: BodySource): void {
  registered.set(body, source);
}

/** The source of a body; `label` names it in positions where no file can be found. */
export function sourceOf(label: string, body: (...args: never[]) => unknown): BodySource {
  const known = registered.get(body);
  if (known !== undefined) return known;
  const text = textOf(body);
  return { locate: locator(label, body, text), parse: () => parseBody(text) };
}

/** The source text of the function is all that is ever used of it. */
export function textOf(body: (...args: never[]) => unknown): string {
  return Function.prototype.toString.call(body);
}
