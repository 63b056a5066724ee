import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { rename, rm, stat, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Longest compilation of one kernel; the largest of ours take seconds on a busy machine. */
const COMPILE_LIMIT_MS = 120_000;
const MOST_LOG_BYTES = 2 ** 20;

/** What a compiler is given. */
export interface CppText {
  readonly source: string;
  readonly flags: readonly string[];
}

/**
 * Shared objects from C++ text, kept by content: by text, flags, compiler and processor, since the flags name this one.
 * Any number of processes may share the folder.
 */
export class SharedObjects {
  private readonly building = new Map<string, Promise<string>>();
  private version: Promise<string> | undefined;

  /**
   * @param compiler - a command that takes the arguments of g++.
   * @param folder - where they are kept; nobody else can write there.
   */
  constructor(
    private readonly compiler: string,
    private readonly folder: string,
  ) {}

  /**
   * Path of the shared object.
   *
   * @throws Error with what the compiler said, or why it could not be run.
   */
  async build(text: CppText): Promise<string> {
    this.version ??= this.compilerVersion();
    const key = keyOf(text, await this.version);
    let building = this.building.get(key);
    if (building === undefined) {
      building = this.findOrCompile(join(this.folder, `${key}.so`), text);
      this.building.set(key, building);
      building.catch(() => this.building.delete(key));
    }
    return building;
  }

  private async findOrCompile(path: string, { source, flags }: CppText): Promise<string> {
    if (await exists(path)) return path;
    const draft = join(this.folder, randomUUID());
    const [from, to] = [`${draft}.cpp`, `${draft}.so`];
    try {
      await writeFile(from, source, { flag: 'wx', mode: 0o600 });
      await this.execute([...flags, '-shared', '-fPIC', '-o', to, from]);
      await rename(to, path); // whole or not there; of several that compile it, the last one wins
    } finally {
      await Promise.all([from, to].map((file) => rm(file, { force: true })));
    }
    return path;
  }

  private async compilerVersion(): Promise<string> {
    return `${this.compiler} ${await this.execute(['--version'])}`;
  }

  private async execute(args: readonly string[]): Promise<string> {
    const options = { timeout: COMPILE_LIMIT_MS, killSignal: 'SIGKILL', maxBuffer: MOST_LOG_BYTES } as const;
    try {
      return (await run(this.compiler, args, options)).stdout;
    } catch (cause) {
      const { stderr, killed } = cause as { stderr?: string; killed?: boolean };
      const why = killed ? `it took longer than ${COMPILE_LIMIT_MS} ms, or said too much` : stderr || String(cause);
      throw new Error(`${this.compiler}: ${why}`, { cause });
    }
  }
}

function keyOf({ source, flags }: CppText, version: string): string {
  const processor = `${process.arch} ${cpus()[0]?.model ?? ''}`;
  return createHash('sha256')
    .update(JSON.stringify([source, flags, version, processor]))
    .digest('hex');
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
