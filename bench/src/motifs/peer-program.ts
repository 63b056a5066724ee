import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/** A program that counts triangles and times itself: a line in makes a run, a line out is `<wall ms> <triangles>`. */
export class PeerProgram {
  private readonly child: ChildProcessByStdio<Writable, Readable, null>;
  private readonly answers: AsyncIterator<string, undefined>;

  constructor(
    private readonly program: string,
    args: readonly string[],
  ) {
    this.child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    // A program that ended is noticed by its missing answer.
    this.child.on('error', () => undefined);
    this.child.stdin.on('error', () => undefined);
    this.answers = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  /** Waits for the line that a program says when it has read its input. */
  ready(): Promise<string> {
    return this.next();
  }

  /** @returns the wall time in ms. @throws Error unless it finds so many. */
  async run(triangles: bigint): Promise<number> {
    this.child.stdin.write('run\n');
    const [wallMs, found] = (await this.next()).split(' ');
    if (BigInt(found!) !== triangles) throw new Error(`${this.program} found ${found!} triangles, not ${triangles}`);
    return Number(wallMs);
  }

  stop(): void {
    this.child.stdin.end();
  }

  private async next(): Promise<string> {
    const { value, done } = await this.answers.next();
    if (done === true) throw new Error(`${this.program} ended`);
    return value;
  }
}
