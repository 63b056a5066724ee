import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { anchorOf, documents, filesIn, headings, prose, read, root } from './documents.js';

/** Targets of inline links and images, without those that lead outside. */
function relativeLinks(text: string): string[] {
  const withoutCode = prose(text).replace(/`[^`\n]*`/g, '');
  const targets = [...withoutCode.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)].map(([, target]) => target!);
  return targets.filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target));
}

function problemOf(document: string, target: string): string | undefined {
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? document : normalize(join(dirname(document), decodeURIComponent(path)));
  if (file.startsWith('..')) return `${target} leads out of the repository`;
  if (!existsSync(join(root, file))) return `${target} does not exist`;
  if (anchor === undefined || !file.endsWith('.md')) return undefined;
  return headings(read(file)).map(anchorOf).includes(anchor) ? undefined : `${target}: no such heading`;
}

describe('references', () => {
  it.each(documents())('%s links only to what exists', (document) => {
    expect(relativeLinks(read(document)).flatMap((target) => problemOf(document, target) ?? [])).toEqual([]);
  });

  it('to a section by its title, in documents and source, name one that exists', () => {
    const sources = ['packages', 'samples', 'bench', 'tests'].flatMap((folder) =>
      filesIn(folder, (name) => name.endsWith('.ts')),
    );
    const broken = [...documents(), ...sources].flatMap((file) =>
      [...read(file).matchAll(/\b(docs\/[A-Z]+\.md)`? "([^"\n]+)"/g)].flatMap(([reference, path, title]) =>
        existsSync(join(root, path!)) && headings(read(path!)).includes(title!) ? [] : [`${file}: ${reference}`],
      ),
    );
    expect(broken).toEqual([]);
  });

  it('from the map of the documents reach every document', () => {
    const map = relativeLinks(read('docs/README.md')).map((target) => normalize(join('docs', target.split('#')[0]!)));
    const unreachable = documents().filter(
      (path) => path.startsWith('docs/') && path !== 'docs/README.md' && !map.includes(path),
    );
    expect(unreachable).toEqual([]);
  });
});
