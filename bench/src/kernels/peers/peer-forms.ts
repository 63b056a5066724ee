import { execFile, fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Form } from '../form.js';
import type { PeerAnswer, PeersReady } from './peer-process.js';

const folder = fileURLToPath(new URL('../peers/', import.meta.url));

/**
 * The npm packages that do what our kernels do, in a process of their own. They are installed on first use, from the
 * registry and without install scripts, because they are far larger than everything else here.
 */
export async function peerForms(note: (line: string) => void): Promise<{ forms: Form[]; stop: () => void }> {
  await install(note);
  const child = fork(new URL('./kernels/peers/peer-process.js', import.meta.url), [`${folder}package.json`], {
    // What the packages print is for people.
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  const { forms, failures } = (await answerOf(child)) as PeersReady;
  for (const failure of failures) note(`not measured: ${failure}`);
  return {
    forms: forms.map((form, index) => ({
      ...form,
      isPeer: true,
      measure: async () => {
        child.send(index);
        const answer = (await answerOf(child)) as PeerAnswer;
        if ('error' in answer) throw new Error(`${form.name}: ${answer.error}`);
        return answer.sample;
      },
    })),
    stop: () => void child.kill(),
  };
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  const settled = new AbortController();
  const exit = once(child, 'exit', { signal: settled.signal }).then(([code, signal]: unknown[]): never => {
    throw new Error(`the process of the npm peers ended (${String(code ?? signal)})`);
  });
  try {
    const [message] = (await Promise.race([once(child, 'message', { signal: settled.signal }), exit])) as [unknown];
    return message;
  } finally {
    exit.catch(() => undefined);
    settled.abort();
  }
}

async function install(note: (line: string) => void): Promise<void> {
  const stamp = `${folder}node_modules/.installed-lockfile`;
  const lockfile = createHash('sha256')
    .update(readFileSync(`${folder}package-lock.json`))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lockfile) return;
  note('installing the npm peers into bench/peers (about 450 MB) …');
  const flags = ['--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund'];
  await promisify(execFile)('npm', ['ci', ...flags], { cwd: folder });
  writeFileSync(stamp, lockfile);
}
