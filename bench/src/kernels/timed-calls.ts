import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Sample } from './form.js';
import type { Column } from './arena.js';

/** A call that a program of `bench/native` times. */
export interface TimedCall {
  /** What `load` is told: the file of the entry, and flags where it is compiled by the program. */
  readonly object: string;
  readonly entry: string;
  /** What `run` is told after the entry. */
  readonly words: readonly number[];
  /** Columns of the arena that are cleared before and read after. */
  readonly results: Readonly<Record<string, Column>>;
}

export interface TimedResult {
  readonly sample: Sample;
  readonly results: Readonly<Record<string, Float32Array | Uint32Array>>;
}

/** A program that runs kernels over its own copy of the arena and times them, one call at a time. */
export class TimedCalls {
  private readonly child: ChildProcessByStdio<Writable, Readable, null>;
  private readonly answers: AsyncIterator<string, undefined>;
  private loaded: string | undefined;

  /**
   * @param image - file with the bytes of the arena.
   * @param resultsFile - where the program leaves what a call computed.
   */
  constructor(
    program: string,
    image: string,
    private readonly resultsFile: string,
    environment: Readonly<Record<string, string>> = {},
  ) {
    this.child = spawn(program, [image, resultsFile], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...environment },
    });
    // A program that ended is noticed by its missing answer.
    this.child.on('error', () => undefined);
    this.child.stdin.on('error', () => undefined);
    this.answers = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async load(object: string): Promise<void> {
    if (this.loaded !== object) await this.ask(`load ${object}`);
    this.loaded = object;
  }

  async run({ object, entry, words, results }: TimedCall): Promise<TimedResult> {
    await this.load(object);
    const columns = Object.values(results).flatMap(({ byteOffset, byteLength }) => [byteOffset, byteLength]);
    const answer = await this.ask(`run ${[entry, ...words, ...columns].join(' ')}`);
    const [wallMs, cpuMs, violations] = answer.split(' ').map(Number);
    if (violations !== 0) throw new Error(`${entry}: ${violations!} accesses outside an array`);
    return { sample: { wallMs: wallMs!, cpuMs: cpuMs! }, results: this.readResults(results) };
  }

  stop(): void {
    this.child.stdin.end();
  }

  private readResults(columns: TimedCall['results']): Record<string, Float32Array | Uint32Array> {
    const { buffer } = new Uint8Array(readFileSync(this.resultsFile));
    const results: Record<string, Float32Array | Uint32Array> = {};
    let at = 0;
    for (const [name, column] of Object.entries(columns)) {
      results[name] =
        column instanceof Float32Array
          ? new Float32Array(buffer, at, column.length)
          : new Uint32Array(buffer, at, column.length);
      at += column.byteLength;
    }
    return results;
  }

  private async ask(line: string): Promise<string> {
    this.child.stdin.write(`${line}\n`);
    const { value, done } = await this.answers.next();
    if (done === true) throw new Error(`the native program ended at: ${line}`);
    return value;
  }
}
