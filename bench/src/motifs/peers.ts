import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CORE_WORDS } from '@gpu-bridge/sample-graph-motifs';
import type { edgeColumns } from '@gpu-bridge/sample-graph-motifs';
import { PeerProgram } from './peer-program.js';

const FLAGS = ['-std=c++20', '-O3', '-march=native', '-pthread'];
/** Debian's packages belong to its own Python, whatever stands first in the path. */
const PYTHONS = ['/usr/bin/python3', 'python3'];

const run = promisify(execFile);
const fileOf = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Writes the columns as the peers read them; see bench/native/triangles.cc. */
export function writeColumns(path: string, columns: ReturnType<typeof edgeColumns>): void {
  const { row, col, source, bitsAt, coreStart, bits } = columns;
  const head = Uint32Array.of(row.length - 1, col.length, bits.length, CORE_WORDS);
  const words = [head, row, col, source, bitsAt, coreStart];
  const length = words.reduce((sum, column) => sum + column.length, 0);
  const padding = new Uint32Array(length % 2);
  writeFileSync(
    path,
    Buffer.concat([...words, padding, bits].map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength))),
  );
}

/** @throws what the compiler says. */
export async function gxxProgram(folder: string, columns: string, threads: number): Promise<PeerProgram> {
  const program = join(folder, 'triangles');
  await run('g++', [...FLAGS, fileOf('native/triangles.cc'), '-o', program]);
  return new PeerProgram(program, [columns, String(threads)]);
}

/** @returns undefined where no Python has igraph. */
export async function igraphProgram(columns: string): Promise<PeerProgram | undefined> {
  for (const python of PYTHONS) {
    try {
      await run(python, ['-c', 'import igraph']);
    } catch {
      continue;
    }
    const program = new PeerProgram(python, [fileOf('peers/igraph_triangles.py'), columns]);
    await program.ready();
    return program;
  }
  return undefined;
}
