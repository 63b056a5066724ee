import { pathToFileURL } from 'node:url';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { KernelDiagnostic } from '@gpu-bridge/abstractions';
import { parseSync } from 'oxc-parser';
import { registerBodySource } from '../parse/body-source.js';
import { lineAndColumn } from '../parse/locate.js';
import { simplify } from '../parse/simplify.js';
import { findDefinitions } from './find-definitions.js';
import type { DefinitionCall } from './find-definitions.js';

/** Text to put into a source file at an offset. */
export interface Insertion {
  readonly at: number;
  readonly text: string;
}

/** A TypeScript or JavaScript file and the calls in it that define kernels and helpers. */
export class SourceModule {
  /** In the order in which they end. */
  readonly calls: readonly DefinitionCall[];
  private readonly metas: readonly { readonly start: number; readonly end: number }[];

  /**
   * Parses the file; runs nothing.
   *
   * @param modules - specifiers the authoring functions may be imported from.
   * @throws GpuBridgeError `KERNEL_BUILD_FAILED` where the text does not parse.
   */
  constructor(
    readonly file: string,
    readonly text: string,
    modules: ReadonlySet<string>,
  ) {
    const { program, module, errors } = parseSync(file, text, { preserveParens: false });
    const fatal = errors.filter((error) => String(error.severity) === 'Error');
    if (fatal.length > 0) {
      throw syntaxErrors(
        fatal.map(({ message, labels }) => ({
          ...{ rule: 'syntax', message, file },
          ...lineAndColumn(text, labels[0]?.start ?? 0),
        })),
      );
    }
    this.calls = findDefinitions(program, modules);
    this.metas = module.importMetas;
  }

  /** What hands the result of every call, with its position in {@link calls}, to the function called `receiver`. */
  callsHandedTo(receiver: string): Insertion[] {
    return this.calls.flatMap(({ start, end }, index) => [
      { at: start, text: `${receiver}(` },
      { at: end, text: `, ${JSON.stringify(this.file)}, ${index})` },
    ]);
  }

  /** What keeps `import.meta.url` the address of this file when its text runs elsewhere. */
  ownAddress(): Insertion[] {
    const url = JSON.stringify(pathToFileURL(this.file).href);
    return this.metas.flatMap(({ start, end }) => [
      { at: start, text: `({ url: ${url} } ?? ` },
      { at: end, text: ')' },
    ]);
  }

  /** Makes the tree of this file the source of a body that the call at `index` was given. */
  adoptBody(index: number, body: object): void {
    const fn = this.calls[index]?.body;
    if (fn === undefined) return;
    const locate = (offset: number): { file: string; line: number; column: number } => ({
      file: this.file,
      ...lineAndColumn(this.text, offset),
    });
    registerBodySource(body, { locate, parse: () => ({ shift: 0, fn: simplify(fn) }) });
  }
}

/** The text with everything put in. */
export function insert(text: string, insertions: readonly Insertion[]): string {
  // At one offset, what closes an inner call comes before what closes the outer one: the order they are given in.
  const ordered = [...insertions].sort((a, b) => a.at - b.at);
  let from = 0;
  let result = '';
  for (const { at, text: addition } of ordered) {
    result += text.slice(from, at) + addition;
    from = at;
  }
  return result + text.slice(from);
}

/** `KERNEL_BUILD_FAILED` for files that are no programs. */
export function syntaxErrors(diagnostics: readonly KernelDiagnostic[]): GpuBridgeError<'KERNEL_BUILD_FAILED'> {
  const list = diagnostics.map((d) => `${d.file}:${d.line}:${d.column} ${d.rule}: ${d.message}`).join('\n  ');
  const kernel = diagnostics[0]?.file ?? '';
  return new GpuBridgeError('KERNEL_BUILD_FAILED', { kernel, diagnostics }, `files cannot be read\n  ${list}`);
}
