import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '@gpu-bridge/abstractions';
import type { NativeAddon } from '../addon/native-addon.js';

/** Cuts frames out of standard input and gives them to `frame`, which a test defines; `say` writes a line. */
const PRELUDE = `
import { writeSync } from 'node:fs';
const say = (line) => writeSync(1, line + '\\n');
const args = process.argv.slice(2);
const option = (name) => args[args.indexOf(name) + 1];
let input = Buffer.alloc(0);
process.stdin.on('data', (chunk) => {
  input = Buffer.concat([input, chunk]);
  for (;;) {
    const end = input.indexOf(10);
    if (end < 0) return;
    const [verb, bytes] = input.subarray(0, end).toString().split(' ');
    if (input.length < end + 1 + Number(bytes)) return;
    const payload = input.subarray(end + 1, end + 1 + Number(bytes)).toString();
    input = input.subarray(end + 1 + Number(bytes));
    frame(verb, payload);
  }
});
process.stdin.on('end', () => process.exit(0));
`;

/** A host that does as it is told: opens, builds, seals, serves. */
export const OBEDIENT = `
say('opened name=fake mode=resident coherent=true executors=2 lanes=1');
function frame(verb, payload) {
  if (verb === 'kernel') say('kernel number=' + /^number (.*)/.exec(payload)[1]);
  if (verb === 'seal') say('sealed kernels=1 cached=false');
  if (verb === 'go') say('serving generation=' + payload);
}
`;

/** Programs that stand in for a device host, in a folder that `await using` removes. */
export class FakeHosts implements AsyncDisposable {
  private count = 0;
  private constructor(readonly folder: string) {}

  static async create(): Promise<FakeHosts> {
    return new FakeHosts(await mkdtemp(join(tmpdir(), 'gpu-bridge-fake-host-')));
  }

  /** Path of a program with this body. */
  async write(body: string): Promise<string> {
    const path = join(this.folder, `host-${this.count++}.mjs`);
    await writeFile(path, `#!${process.execPath}\n${PRELUDE}${body}`, { mode: 0o755 });
    return path;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}

/** Memory of this process alone, with the descriptor of an empty file. */
export async function fakeAddon(
  folder: string,
): Promise<{ readonly addon: NativeAddon; readonly close: () => Promise<void> }> {
  const file = await open(join(folder, 'region'), 'w+');
  const addon: NativeAddon = {
    ringAbiVersion: 1,
    createRegion: (bytes) => ({
      fd: file.fd,
      memory: new ArrayBuffer(bytes),
      ring: () => undefined,
      notify: () => undefined,
      wait: () => undefined,
      waitAsync: () => Promise.resolve(),
      close: () => undefined,
    }),
  };
  return { addon, close: () => file.close() };
}

export class LogLines implements Logger {
  readonly lines: string[] = [];
  readonly debug = this.taker('debug');
  readonly info = this.taker('info');
  readonly warn = this.taker('warn');
  readonly error = this.taker('error');

  private taker(level: string): Logger['warn'] {
    return (message, fields) => void this.lines.push(`${level}: ${message} ${JSON.stringify(fields ?? {})}`);
  }
}

/** Waits for an outcome; gives up, as a failure, only after a time no healthy run comes near. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const endMs = performance.now() + 30_000;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
