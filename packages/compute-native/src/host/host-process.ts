import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { encodeFrame } from './frames.js';
import type { Frame } from './frames.js';
import { LineSplitter, parseHostMessage } from './host-message.js';
import type { HostMessage } from './host-message.js';

/** Descriptor under which a host finds its region. */
export const REGION_FD = 3;
/** Lines of standard error that a death's reason quotes. */
const QUOTED_LINES = 5;
/** How long the last words of a process that has ended may take to arrive, ms. They come at once, or from a grandchild. */
const LAST_WORDS_MS = 100;

/**
 * One device-host process. It ends with this process: its input then ends, and the system sends it the signal that it asked
 * for when it started. That signal follows the thread that spawned it, so a host spawned by a worker ends with the worker.
 */
export class HostProcess {
  /** Resolves with why, for people, once the process is gone and can no longer touch memory. Never rejects. */
  readonly exited: Promise<string>;
  private readonly child: ChildProcess;
  private readonly errorLines: string[] = [];
  private fatal: string | undefined;
  private askedToEnd = false;

  /**
   * @param regionFd - inherited as {@link REGION_FD}.
   * @param onMessage - called for each line that it writes, in order, also for the last ones after its end.
   */
  constructor(
    path: string,
    args: readonly string[],
    regionFd: number | undefined,
    private readonly onMessage: (message: HostMessage) => void,
  ) {
    const child = spawn(path, args, { stdio: ['pipe', 'pipe', 'pipe', ...(regionFd === undefined ? [] : [regionFd])] });
    this.child = child;
    child.stdin!.on('error', () => undefined); // it ended while we wrote: `exited` says so
    const lines = new LineSplitter((line) => this.hear(line));
    child.stdout!.on('data', (chunk: Buffer) => lines.push(chunk)).on('end', () => lines.end());
    const errors = new LineSplitter((line) => this.quote(line));
    child.stderr!.on('data', (chunk: Buffer) => errors.push(chunk)).on('end', () => errors.end());
    this.exited = this.watch();
    this.hold(true);
  }

  /** Undefined where it could not be started. */
  get pid(): number | undefined {
    return this.child.pid;
  }

  send(frame: Frame): void {
    this.child.stdin!.write(encodeFrame(frame));
  }

  /** Ends it at once; wait for `exited`. */
  kill(): void {
    this.askedToEnd = true;
    this.child.kill('SIGKILL');
  }

  /** Tells it that nobody needs it any more. */
  endInput(): void {
    this.askedToEnd = true;
    this.child.stdin!.end();
  }

  /** Whether it keeps this process alive. */
  hold(keep: boolean): void {
    // Its pipes are read while the loop turns for other reasons; only the process itself is worth staying for.
    for (const stream of [this.child.stdin, this.child.stdout, this.child.stderr]) (stream as Socket | null)?.unref();
    if (keep) this.child.ref();
    else this.child.unref();
  }

  private hear(line: string): void {
    const message = parseHostMessage(line);
    if (message === undefined) this.quote(line);
    else if (message.verb === 'fatal') this.fatal = message.values.get('reason') ?? line;
    else this.onMessage(message);
  }

  private quote(line: string): void {
    if (line.trim() === '') return;
    this.errorLines.push(line.trim());
    if (this.errorLines.length > QUOTED_LINES) this.errorLines.shift();
  }

  private watch(): Promise<string> {
    const { child } = this;
    return new Promise((resolve) => {
      child.once('error', (error) => {
        if (child.pid === undefined) resolve(`the device host did not start: ${error.message}`);
      });
      child.once('exit', (code, signal) => {
        const end = (): void => resolve(this.reason(code, signal));
        if (this.askedToEnd) return end();
        // Whoever ends by itself says why, on pipes that may still be full.
        const timer = setTimeout(end, LAST_WORDS_MS);
        child.once('close', () => {
          clearTimeout(timer);
          end();
        });
      });
    });
  }

  private reason(code: number | null, signal: NodeJS.Signals | null): string {
    const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
    const why = this.fatal ?? this.errorLines.join(' | ');
    return why === '' ? `the device host ${how}` : `the device host ${how}: ${why}`;
  }
}
