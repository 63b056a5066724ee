import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { privateFolder } from './cache-folder.js';
import { SharedObjects } from './shared-objects.js';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'gpu-bridge-objects-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A compiler that copies its source to the result and notes each run; `bad` in the source makes it fail. */
async function fakeCompiler(version = '1'): Promise<string> {
  const path = join(folder, `compiler-${version}`);
  const text = `#!/bin/sh
if [ "$1" = --version ]; then echo "fake ${version}"; exit 0; fi
echo "$@" >> ${folder}/runs
while [ $# -gt 2 ]; do if [ "$1" = -o ]; then out=$2; fi; shift; done
for from; do :; done
if grep -q bad "$from"; then echo "error: it is bad" >&2; exit 1; fi
cp "$from" "$out"
`;
  await writeFile(path, text, { mode: 0o755 });
  return path;
}

async function runs(): Promise<string[]> {
  return (await readFile(join(folder, 'runs'), 'utf8').catch(() => '')).split('\n').filter(Boolean);
}

async function objects(version?: string): Promise<SharedObjects> {
  return new SharedObjects(await fakeCompiler(version), privateFolder(join(folder, 'kept')));
}

describe('SharedObjects', () => {
  it('compiles a text once, with its flags as a shared object, and leaves nothing else behind', async () => {
    const text = { source: 'int x;', flags: ['-O3', '-fwrapv'] };
    const path = await (await objects()).build(text);
    expect(await readFile(path, 'utf8')).toBe('int x;');
    expect(await (await objects()).build(text)).toBe(path);
    expect(await readdir(join(folder, 'kept'))).toHaveLength(1);
    const [first, ...others] = await runs();
    expect(first).toMatch(/^-O3 -fwrapv -shared -fPIC -o /);
    expect(others).toEqual([]);
  });

  it('compiles again for other flags, another text and another compiler', async () => {
    const paths = [
      await (await objects()).build({ source: 'a', flags: [] }),
      await (await objects()).build({ source: 'a', flags: ['-O1'] }),
      await (await objects()).build({ source: 'b', flags: [] }),
      await (await objects('2')).build({ source: 'a', flags: [] }),
    ];
    expect(new Set(paths).size).toBe(4);
  });

  it('compiles what is asked for twice at once only once, and gives several processes the same', async () => {
    const one = await objects();
    const text = { source: 'shared', flags: [] };
    expect(new Set(await Promise.all([one.build(text), one.build(text)])).size).toBe(1);
    expect(await runs()).toHaveLength(1);
    const others = await Promise.all([objects(), objects(), objects()]);
    const paths = await Promise.all(others.map((other) => other.build({ source: 'raced', flags: [] })));
    expect(new Set(paths).size).toBe(1);
    expect(await readFile(paths[0]!, 'utf8')).toBe('raced');
  });

  it('fails with what the compiler says, keeps nothing of it, and tries again when asked again', async () => {
    const one = await objects();
    const bad = { source: 'bad', flags: [] };
    await expect(one.build(bad)).rejects.toThrow(/it is bad/);
    await expect(one.build(bad)).rejects.toThrow(/it is bad/);
    expect(await runs()).toHaveLength(2);
    expect(await readdir(join(folder, 'kept'))).toEqual([]);
  });

  it('says so when there is no such compiler', async () => {
    const none = new SharedObjects('/no/such/compiler', folder);
    await expect(none.build({ source: '', flags: [] })).rejects.toThrow(/no\/such\/compiler.*ENOENT/);
  });
});

describe('privateFolder', () => {
  it('is made for this user alone, with the folders above it', async () => {
    const path = join(folder, 'a/b');
    expect(privateFolder(path)).toBe(path);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    expect(privateFolder(path)).toBe(path);
  });

  it('is none that others can write, and none that is a file', async () => {
    const open = join(folder, 'open');
    await mkdir(open);
    await chmod(open, 0o777);
    expect(() => privateFolder(open)).toThrow(/nobody else can write/);
    await writeFile(join(folder, 'file'), '');
    expect(() => privateFolder(join(folder, 'file'))).toThrow(/cacheFolder/);
  });
});
